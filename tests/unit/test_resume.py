"""Where reading begins, for every combination of snapshot, progress and log."""

from typing import get_args

import pytest

from connectors.resume import (
    IncompatibleStateError,
    OnMissingState,
    Position,
    SourceState,
    resume_position,
)
from models import Progress

ANY_CHOICE = get_args(OnMissingState)


def snapshot(next_offset: int | None, start: int = 0, **changes: object) -> SourceState:
    """Return what the recovery store holds of a partition."""
    state = {"version": 1, "topic_id": "id", "start": start, "next_offset": next_offset}
    return SourceState(**{**state, **changes})  # type: ignore[typeddict-item]


def progress(offset: int, start: int = 0) -> Progress:
    """Return a partition's last progress record."""
    return Progress("in", "id", 0, offset=offset, start=start)


def resume(
    saved: SourceState | None,
    written: Progress | None,
    log_start: int,
    topic_id: str = "id",
    choice: OnMissingState = "replay",
    *,
    repeats_allowed: bool = False,
) -> Position:
    """Decide for the group `ours`."""
    return resume_position(
        saved, written, log_start, topic_id, choice, "ours", repeats_allowed=repeats_allowed
    )


@pytest.mark.parametrize("choice", ANY_CHOICE)
def test_nothing_known_begins_with_the_log(choice: OnMissingState) -> None:
    """Without snapshot and progress, reading and state begin at the log's first offset."""
    assert resume(None, None, 5, "id", choice) == Position(5, start=5)


@pytest.mark.parametrize("choice", ANY_CHOICE)
def test_reading_resumes_from_a_snapshot(choice: OnMissingState) -> None:
    """With a snapshot, reading resumes there, however far the outputs have come since."""
    position = resume(snapshot(50, start=3), progress(80), 10, "id", choice)
    assert position == Position(50, start=3)


def test_progress_without_a_snapshot_goes_back_to_the_states_start() -> None:
    """Without a snapshot the state is rebuilt from where it began."""
    position = resume(None, progress(80, start=20), 20, "id", "replay")
    assert position == Position(20, start=20, read_again=60)


def test_a_start_that_was_deleted_becomes_the_logs_first_offset() -> None:
    """If retention deleted the state's start, rebuilding begins with what is left, and says so."""
    position = resume(None, progress(80, start=20), 30, "id", "replay")
    assert position == Position(30, start=20, read_again=50, gap=True)


def test_a_state_that_began_in_mid_stream_has_a_gap_before_it() -> None:
    """What `continue` left out is still missing when the state is rebuilt later."""
    position = resume(None, progress(80, start=50), 10, "id", "replay")
    assert position == Position(50, start=50, read_again=30, gap=True)


def test_continue_uses_the_progress_as_the_states_start() -> None:
    """ON_MISSING_STATE=continue reads nothing again."""
    position = resume(None, progress(80), 10, "id", "continue")
    assert position == Position(80, start=80, gap=True)


@pytest.mark.parametrize("choice", ANY_CHOICE)
def test_a_snapshot_from_before_the_first_record_is_not_missing_state(
    choice: OnMissingState,
) -> None:
    """What was read since a snapshot that had seen nothing is replayed; no state was lost."""
    position = resume(snapshot(None, start=20), progress(80, start=20), 20, "id", choice)
    assert position == Position(20, start=20, read_again=0)


def test_a_snapshot_that_continued_and_saw_nothing_stays_where_it_began() -> None:
    """After `continue`, a partition that stayed silent isn't read from its old start."""
    position = resume(snapshot(None, start=80), progress(80, start=20), 10, "id", "replay")
    assert position == Position(80, start=80, gap=True)


def test_a_snapshot_of_an_empty_partition_begins_with_the_log() -> None:
    """Nothing read and nothing written don't contradict each other."""
    assert resume(snapshot(None), None, 5, "id", "replay") == Position(5, start=5)


@pytest.mark.parametrize("written", [None, progress(49)])
def test_progress_behind_the_snapshot_is_refused(written: Progress | None) -> None:
    """Outputs that end before the snapshot would leave a gap."""
    with pytest.raises(IncompatibleStateError, match="another group"):
        resume(snapshot(50), written, 0, "id", "replay")


@pytest.mark.parametrize("choice", ANY_CHOICE)
def test_with_repeats_allowed_reading_resumes_despite_late_progress_of_a_suspended_process(
    choice: OnMissingState,
) -> None:
    """The snapshot shows that all outputs before it are written, whatever progress says."""
    position = resume(
        snapshot(50, 3, group="ours"), progress(30), 10, "id", choice, repeats_allowed=True
    )
    assert position == Position(50, start=3, progress_behind=20)


@pytest.mark.parametrize("saved", [snapshot(50), snapshot(50, group="theirs")])
@pytest.mark.parametrize("written", [None, progress(30)])
def test_with_repeats_allowed_the_folder_of_another_group_is_refused(
    written: Progress | None, saved: SourceState
) -> None:
    """Another group's outputs aren't ours; earlier versions didn't write the group's name."""
    with pytest.raises(IncompatibleStateError, match="another group"):
        resume(saved, written, 0, repeats_allowed=True)


def test_with_repeats_allowed_a_deleted_progress_topic_is_refused() -> None:
    """Outputs may be deleted with it, and would be missing silently."""
    with pytest.raises(IncompatibleStateError, match="the progress topic was deleted"):
        resume(snapshot(50, group="ours"), None, 0, repeats_allowed=True)


def test_with_repeats_allowed_late_progress_without_a_snapshot_is_written_again_from() -> None:
    """Late progress is true, too: all before it is written, and more."""
    position = resume(None, progress(30, start=20), 10, repeats_allowed=True)
    assert position == Position(20, start=20, read_again=10, gap=True)


def test_late_progress_is_refused_where_duplicates_are_not_allowed() -> None:
    """After a change back to exactly-once delivery, the line says how to continue."""
    with pytest.raises(IncompatibleStateError, match="start with DELIVERY_GUARANTEE=at_least_once"):
        resume(snapshot(50, group="ours"), progress(30), 0)


def test_progress_equal_to_the_snapshot_is_fine() -> None:
    """After a drain, snapshot and progress are the same offset."""
    assert resume(snapshot(50), progress(50), 0, "id", "replay").offset == 50


def test_a_snapshot_that_the_log_no_longer_reaches_is_refused() -> None:
    """Records that retention deleted unprocessed are reported, never skipped silently."""
    with pytest.raises(IncompatibleStateError, match="retention deleted 10 offsets"):
        resume(snapshot(50), progress(50), 60, "id", "replay")


@pytest.mark.parametrize("choice", ANY_CHOICE)
def test_progress_that_the_log_no_longer_reaches_is_refused(choice: OnMissingState) -> None:
    """The same holds for progress without a snapshot."""
    with pytest.raises(IncompatibleStateError, match="retention deleted 5 offsets"):
        resume(None, progress(55), 60, "id", choice)


def test_a_snapshot_of_another_topic_is_refused() -> None:
    """Offsets of a topic that was deleted mean nothing in the new one."""
    with pytest.raises(IncompatibleStateError, match="recreated"):
        resume(snapshot(50, topic_id="old"), progress(50), 0, "id", "replay")


def test_a_snapshot_of_another_format_is_refused() -> None:
    """State says which format it has."""
    with pytest.raises(IncompatibleStateError, match="has format 0"):
        resume(snapshot(50, version=0), progress(50), 0, "id", "replay")
