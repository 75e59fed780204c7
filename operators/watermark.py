"""The event time up to which all input partitions have been read."""

from connectors.records import Coverage
from operators.state import State

__all__ = ["Watermark"]


class Watermark:
    """The least of the partitions' newest logins, less the allowed lateness; it never goes back.

    A partition that has given no login yet holds it where it is. One that was read to its end for
    the idle time without giving a login is idle, and left out until it gives one. Which partitions
    are idle is not part of the state: a process that was just started can't know what came while
    it was away.

    Args:
        partitions: how many the input has.
        lateness: the allowed lateness in seconds.
        idle_seconds: how long a partition without a login is waited for.
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

    def hear(self, partition: int, newest: int | None, coverage: Coverage, *, logins: bool) -> None:
        """Take in what a batch says about its partition.

        Args:
            partition: of the input.
            newest: the highest event time of the partition so far, None before any login.
            coverage: up to when the partition was read.
            logins: whether there is a login in the batch; dead letters alone are silence.
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
        """Move the watermark to where the partitions that aren't idle allow it to be."""
        active = set(range(self._partitions)) - self._idle
        if not active or not active <= self._newest.keys():
            return
        self.raise_to(min(self._newest[partition] for partition in active) - self._lateness)

    def raise_to(self, time: int) -> None:
        """Move the watermark without waiting for the partitions that hold it."""
        if self.time is None or time > self.time:
            self.time = time

    def behind(self, time: int) -> list[tuple[int, int | None]]:
        """Return the partitions that keep the watermark from a time, the furthest behind first.

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
