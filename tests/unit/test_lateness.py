import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.batches import Reason
from operators.event_time import Windowing
from operators.lateness import LOGINS_AFTER_GAP, LatenessLogic
from operators.state import StateFormatError
from operators.stats import LoginStats
from operators.summarise import Summary, summarise
from tests.support.batches import at, login_batch
from tests.support.window_oracle import WindowOracle

WINDOWING = Windowing(seconds=60, lateness=10)


def summary(*timestamps: int, **source: Any) -> Summary[LoginStats]:
    """The summary of a batch with a login for each time."""
    return summarise(login_batch(at(*timestamps), **source), WINDOWING)


def judge(logic: LatenessLogic[LoginStats], *timestamps: int, **source: Any) -> Summary[LoginStats]:
    """Give a batch to the logic and return what it makes of it."""
    (judged,), discard = logic.on_batch([summary(*timestamps, **source)])
    assert not discard
    return judged


def merged(parts: Sequence[LoginStats]) -> LoginStats:
    """The totals of all parts."""
    whole = LoginStats()
    for part in parts:
        whole.merge(part)
    return whole


@given(
    st.lists(st.lists(st.integers(0, 400), max_size=6), max_size=8),
    st.integers(1, 90),
    st.integers(0, 90),
)
def test_decisions_are_those_made_login_by_login_wherever_batches_are_cut(
    cut: list[list[int]], seconds: int, lateness: int
) -> None:
    """Within the batch and by the batches before it: together the same as one by one."""
    windowing = Windowing(seconds, lateness)
    oracle = WindowOracle(seconds, lateness)
    oracle.read(at(*(timestamp for batch in cut for timestamp in batch)))
    logic = LatenessLogic[LoginStats](windowing)
    summaries = [summarise(login_batch(at(*batch)), windowing) for batch in cut]
    judged, _ = logic.on_batch(summaries)
    in_time = {
        start: merged([j.windows[start] for j in judged if start in j.windows])
        for start in {start for j in judged for start in j.windows}
    }
    assert {start: stats.logins for start, stats in in_time.items()} == {
        start: len(logins) for start, logins in oracle.windows.items()
    }
    late = LoginStats()
    late.add(oracle.late)
    assert merged([stats for j in judged for stats in j.late]) == late


def test_window_is_late_as_a_whole_once_its_end_is_further_back_than_allowed() -> None:
    """At exactly the allowed lateness a window is over."""
    logic = LatenessLogic[LoginStats](WINDOWING)
    judge(logic, 69)
    assert judge(logic, 59).late_logins == 0
    judge(logic, 70)
    late = judge(logic, 58, 59, 60)
    assert late.late_logins == 2
    assert list(late.windows) == [60]


def test_summary_goes_on_with_the_newest_login_of_its_partition() -> None:
    """An older batch moves nothing back; one without logins tells it too."""
    logic = LatenessLogic[LoginStats](WINDOWING)
    assert judge(logic).newest is None
    assert judge(logic, 500).newest == 500
    assert judge(logic, 450).newest == 500
    assert judge(logic).newest == 500


def test_summary_handed_in_stays_as_it_is() -> None:
    """Another step may hold the same one."""
    logic = LatenessLogic[LoginStats](WINDOWING)
    judge(logic, 500)
    one = summary(1)
    logic.on_batch([one])
    assert one == summary(1)


def test_decisions_go_on_after_a_restart() -> None:
    """What is late before a restart is late after it."""
    before = LatenessLogic[LoginStats](WINDOWING)
    judge(before, 500)
    state = pickle.loads(pickle.dumps(before.snapshot()))  # noqa: S301 - our own
    assert judge(LatenessLogic[LoginStats](WINDOWING, state), 1).late_logins == 1


def test_state_of_another_format_is_refused() -> None:
    """It says what to do."""
    with pytest.raises(StateFormatError, match="new recovery folder"):
        LatenessLogic[LoginStats](WINDOWING, (0, 1, 2))


def test_no_window_is_incomplete_without_a_gap() -> None:
    """Reading that resumes where it stopped misses nothing."""
    assert judge(LatenessLogic[LoginStats](WINDOWING), 1, 2).incomplete_to is None


def test_windows_may_be_incomplete_up_to_the_first_logins_after_a_gap() -> None:
    """And further by the allowed lateness: an unread login may have been that far ahead."""
    logic = LatenessLogic[LoginStats](WINDOWING)
    assert judge(logic, *range(1_000, 1_000 + LOGINS_AFTER_GAP), gap=True).incomplete_to == (
        1_000 + LOGINS_AFTER_GAP - 1 + WINDOWING.lateness
    )
    assert judge(logic, 2_000).incomplete_to is None


def test_first_login_after_a_gap_that_is_itself_late_hides_nothing() -> None:
    """The newest of the first few decides, since one login may have come too late."""
    logic = LatenessLogic[LoginStats](WINDOWING)
    assert judge(logic, 800, gap=True).incomplete_to == 810
    state = logic.snapshot()
    assert judge(LatenessLogic[LoginStats](WINDOWING, state), 1_000, 801).incomplete_to == 1_010


def test_partition_without_a_login_after_its_gap_makes_all_windows_up_to_now_incomplete() -> None:
    """It is unknown what was not read, until the partition's first login."""
    logic = LatenessLogic[LoginStats](WINDOWING, clock=lambda: 5_000.9)
    assert judge(logic, gap=True).incomplete_to == 5_000
    assert judge(logic, gap=True).incomplete_to == 5_000
    rejected = summarise(login_batch([], Reason.NOT_JSON), WINDOWING)
    assert logic.on_batch([rejected])[0][0].incomplete_to == 5_000
    assert judge(logic, 1_000).incomplete_to == 1_010
