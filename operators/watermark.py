"""The event time up to which all input partitions have been read."""

from operators.state import State
from records import Coverage

__all__ = ["Watermark"]


class Watermark:
    """The minimum of the partitions' newest logins, minus the allowed lateness; it never goes back.

    A partition that has had no login yet holds it back. One that was read to its end for the idle
    time without a login is idle, and ignored until its next login. Which partitions are idle is not
    part of the state: a process that has just started can't know what arrived while it was down.

    Args:
        partitions: how many the input has.
        lateness: the allowed lateness in seconds.
        idle_seconds: how long to wait for a partition without logins.
        state: what to_state() returned in an earlier run, or None.

    Attributes:
        time: seconds since the epoch; None until there is a watermark.
    """

    def __init__(
        self, partitions: int, lateness: int, idle_seconds: float, state: State | None = None
    ) -> None:
        self._partitions = partitions
        self._lateness = lateness
        self._idle_seconds = idle_seconds
        self._newest: dict[int, int] = {}
        self._login_read_at: dict[int, float] = {}
        self._idle: set[int] = set()
        self.time: int | None = None
        if state is not None:
            self.time, newest = state
            self._newest.update(newest)

    def update(
        self, partition: int, newest: int | None, coverage: Coverage, *, logins: bool
    ) -> None:
        """Update a partition from a batch.

        Args:
            partition: of the input.
            newest: the partition's highest event time so far, None before any login.
            coverage: up to when the partition was read.
            logins: whether there is a login in the batch; dead letters alone count as silence.
        """
        if newest is not None:
            self._newest[partition] = newest
        if logins:
            self._login_read_at[partition] = coverage.read_at
            self._idle.discard(partition)
            return
        silent_since = max(coverage.since, self._login_read_at.get(partition, coverage.since))
        if coverage.until - silent_since >= self._idle_seconds:
            self._idle.add(partition)

    def advance(self) -> None:
        """Advance the watermark as far as the active partitions allow."""
        active = set(range(self._partitions)) - self._idle
        if not active or not active <= self._newest.keys():
            return
        self.advance_to(min(self._newest[partition] for partition in active) - self._lateness)

    def advance_to(self, time: int) -> None:
        """Advance the watermark without waiting for the partitions that hold it back."""
        if self.time is None or time > self.time:
            self.time = time

    def lagging(self, time: int) -> list[tuple[int, int | None]]:
        """Return the partitions that hold the watermark before a time, the furthest behind first.

        Each comes with its newest login's time, None if it has had no login yet.
        """
        active = sorted(set(range(self._partitions)) - self._idle)
        found = [(partition, self._newest.get(partition)) for partition in active]
        held = [
            (partition, newest)
            for partition, newest in found
            if newest is None or newest - self._lateness < time
        ]
        return sorted(held, key=lambda one: -1 if one[1] is None else one[1])

    def to_state(self) -> State:
        """Return plain values."""
        return (self.time, tuple(sorted(self._newest.items())))
