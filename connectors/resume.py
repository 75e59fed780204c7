"""Decides where reading an input partition begins, from snapshot, progress and log."""

from dataclasses import dataclass, replace
from typing import Literal, NotRequired, TypedDict

from models import Progress

__all__ = ["IncompatibleStateError", "OnMissingState", "Position", "SourceState", "resume_position"]

STATE_VERSION = 1

OnMissingState = Literal["replay", "continue"]


class SourceState(TypedDict):
    """What the recovery store keeps of an input partition: plain values, so that code can move."""

    version: int
    topic_id: str
    start: int
    next_offset: int | None
    group: NotRequired[str]  # earlier versions didn't write it


@dataclass(frozen=True)
class Position:
    """Where to read a partition from.

    Attributes:
        offset: the first offset to read.
        start: the offset where the state that will be built begins.
        read_again: how many offsets are read a second time because there is no snapshot.
        gap: the state begins in mid-stream: earlier records of the partition aren't in it.
        progress_behind: by how many offsets the progress is behind the snapshot.
    """

    offset: int
    start: int
    read_again: int = 0
    gap: bool = False
    progress_behind: int = 0


class IncompatibleStateError(Exception):
    """Snapshot, progress and log contradict each other: continuing would lose or repeat records."""


def resume_position(
    snapshot: SourceState | None,
    progress: Progress | None,
    log_start: int,
    topic_id: str,
    on_missing_state: OnMissingState,
    group: str,
    *,
    repeats_allowed: bool,
) -> Position:
    """Decide where reading a partition begins.

    A snapshot is the truth for state: reading resumes from it, and the sink drops what its progress
    covers. With progress only, reading goes back to where the state began, so that the state is
    rebuilt from the same records. With neither, it begins with the log.

    Args:
        snapshot: the partition's state in the recovery store, if there is any.
        progress: its last committed progress record, if there is any.
        log_start: the first offset that is still in the log.
        topic_id: the input topic's id.
        on_missing_state: with progress but no snapshot, `replay` goes back to where the state
            began; `continue` starts at the progress with empty state.
        group: the flow's consumer group, which the progress belongs to.
        repeats_allowed: the delivery is at-least-once. Nothing is fenced then, so a suspended
            process may write its progress after a newer one; a snapshot of the same group proves
            as well as any progress that all outputs before it are written.

    Raises:
        IncompatibleStateError: with what happened and what to do.
    """
    if snapshot is not None:
        _check_snapshot(snapshot, topic_id)
        if (next_offset := snapshot["next_offset"]) is not None:
            same_group = snapshot.get("group") == group
            if progress is None or not (
                progress.offset >= next_offset or (same_group and repeats_allowed)
            ):
                raise IncompatibleStateError(
                    _conflict(next_offset, progress, same_group=same_group)
                )
            return _from_snapshot(snapshot["start"], next_offset, progress, log_start)
    if progress is None:
        return Position(offset=log_start, start=log_start)
    if progress.offset < log_start:
        raise IncompatibleStateError(
            _deleted(progress.offset, log_start, "its outputs are written")
        )
    if snapshot is not None:
        # The snapshot is from before the first record; records read since are replayed as usual.
        return replace(_from_start(snapshot["start"], progress, log_start), read_again=0)
    if on_missing_state == "continue":
        return Position(offset=progress.offset, start=progress.offset, gap=True)
    return _from_start(progress.start, progress, log_start)


def _from_start(start: int, progress: Progress, log_start: int) -> Position:
    """Read from where the state began, or from the first offset after it that is still there.

    The start stays as it was, so that after another crash the gap is still known. A state that
    began after the log's first offset itself began in mid-stream (`continue`).
    """
    begin = max(start, log_start)
    return Position(
        offset=begin,
        start=start,
        read_again=max(0, progress.offset - begin),
        gap=start != log_start,
    )


def _check_snapshot(snapshot: SourceState, topic_id: str) -> None:
    if snapshot["version"] != STATE_VERSION:
        raise IncompatibleStateError(
            f"the recovery folder's state has format {snapshot['version']}, this program writes "
            f"{STATE_VERSION}: start it with a new recovery folder; it rebuilds the state"
        )
    if snapshot["topic_id"] != topic_id:
        raise IncompatibleStateError(
            f"the input topic was recreated since the last run (id {topic_id}, before "
            f"{snapshot['topic_id']}): start with a new KAFKA_GROUP_ID and a new recovery folder"
        )


def _from_snapshot(start: int, next_offset: int, progress: Progress, log_start: int) -> Position:
    if next_offset < log_start:
        raise IncompatibleStateError(
            _deleted(next_offset, log_start, "the recovery folder resumes")
        )
    return Position(
        offset=next_offset, start=start, progress_behind=max(0, next_offset - progress.offset)
    )


def _conflict(next_offset: int, progress: Progress | None, *, same_group: bool) -> str:
    """Return the line that says how progress and snapshot conflict, and what to do about it."""
    written = "nowhere" if progress is None else f"at {progress.offset}"
    seen = (
        f"the progress topic says that outputs end {written}, the recovery folder says "
        f"{next_offset}: "
    )
    if progress is not None and same_group:
        return seen + (
            "the topic lost records, or a process with DELIVERY_GUARANTEE=at_least_once wrote "
            f"late, so it is unknown which outputs from {next_offset} on were written: start with "
            "DELIVERY_GUARANTEE=at_least_once to write them, some possibly twice, or use a new "
            "KAFKA_GROUP_ID and folder to process everything again"
        )
    return seen + (
        "the folder belongs to another group, or the progress topic was deleted; use the right "
        "ones, or a new KAFKA_GROUP_ID and folder to process everything again"
    )


def _deleted(offset: int, log_start: int, what: str) -> str:
    return (
        f"{what} at offset {offset}, but the log begins at {log_start}: retention deleted "
        f"{log_start - offset} offsets that were never processed; to go on without them, "
        "start with a new KAFKA_GROUP_ID and a new recovery folder"
    )
