"""Whether a partition receives nothing although the broker has more."""

from collections.abc import Callable

from connectors.partition_ends import CommittedEnd

__all__ = ["StallWatch"]

STALL_SECONDS = 60.0  # far longer than the largest fetch takes
# A longer time between two checks isn't a stall: the worker was busy, or the process suspended.
LONGEST_PAUSE_SECONDS = 15.0


class StallWatch:
    """Detects that reading is stuck, which the client doesn't report for some damaged batches.

    An unreachable broker isn't a stall: the broker must also have answered where the partition
    ends.

    Args:
        end: returns the last answer to where the partition ends, and asks again when due.
        clock: monotonic, in seconds; the one that times those requests.
    """

    def __init__(self, end: Callable[[], CommittedEnd | None], clock: Callable[[], float]) -> None:
        self._end = end
        self._clock = clock
        self._position = -1
        self._since = self._looked_at = clock()

    def look(self, position: int) -> bool:
        """Tell whether there was more to read for all of the last STALL_SECONDS.

        If so, this is true again only after another STALL_SECONDS.

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
