"""Whether a partition gives nothing although the broker has more of it."""

from collections.abc import Callable

from connectors.partition_ends import CommittedEnd

__all__ = ["StallWatch"]

STALL_SECONDS = 60.0  # far longer than the largest fetch takes
# A longer time between two looks was no stall: the worker was busy, or the process suspended.
LONGEST_PAUSE_SECONDS = 15.0


class StallWatch:
    """Notices that reading stands still, which the client doesn't say of some damaged batches.

    A broker that is away is no stall: it has to say where the partition ends, too.

    Args:
        end: returns where the partition ended when last asked, and asks again in time.
        clock: seconds, never going back; that of the questions.
    """

    def __init__(self, end: Callable[[], CommittedEnd | None], clock: Callable[[], float]) -> None:
        self._end = end
        self._clock = clock
        self._position = -1
        self._since = self._looked_at = clock()

    def look(self, position: int) -> bool:
        """Tell whether there was more to read all the time since STALL_SECONDS ago.

        After that it is told again once as much time has passed.

        Args:
            position: the offset to be read next.
        """
        now, end = self._clock(), self._end()
        paused = now - self._looked_at > LONGEST_PAUSE_SECONDS
        self._looked_at = now
        if paused or position != self._position or end is None or position >= end.offset:
            self._position, self._since = position, now
            return False
        if end.asked_at - self._since < STALL_SECONDS:
            return False
        self._since = now
        return True
