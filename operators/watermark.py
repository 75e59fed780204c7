"""The event time up to which all input partitions have been read."""

from operators.state import State

__all__ = ["Watermark"]


class Watermark:
    """The least of the partitions' newest logins, less the allowed lateness; it never goes back.

    A partition that wasn't heard yet holds it where it is. One that is idle is left out. Which
    ones are idle is not part of the state: a process that was just started can't know what came
    while it was away.

    Args:
        partitions: how many the input has.
        lateness: the allowed lateness in seconds.
        state: what to_state() returned in an earlier run, or None.

    Attributes:
        time: seconds since the epoch; None until there is a watermark.
    """

    def __init__(self, partitions: int, lateness: int, state: State | None = None) -> None:
        self._partitions = partitions
        self._lateness = lateness
        self._newest: dict[int, int] = {}
        self._idle: set[int] = set()
        self.time: int | None = None
        if state is not None:
            self.time, newest = state
            self._newest.update(newest)

    def hear(self, partition: int, newest: int | None, *, idle: bool) -> None:
        """Note how far a partition is, and whether it speaks or has become idle."""
        if newest is not None:
            self._newest[partition] = newest
        if idle:
            self._idle.add(partition)
        else:
            self._idle.discard(partition)

    def advance(self) -> None:
        """Move the watermark to where the partitions that speak allow it to be."""
        speaking = set(range(self._partitions)) - self._idle
        if not speaking or not speaking <= self._newest.keys():
            return
        time = min(self._newest[partition] for partition in speaking) - self._lateness
        if self.time is None or time > self.time:
            self.time = time

    def to_state(self) -> State:
        """Return plain values."""
        return (self.time, tuple(sorted(self._newest.items())))
