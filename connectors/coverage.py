"""Up to when a partition was read to its end: tells silence from a delay in reading."""

from collections.abc import Callable

from connectors.partition_ends import CommittedEnd
from records import Coverage

__all__ = ["CoverageWatch", "request_interval"]

# Empty batches that report one silence: so its length is known to a tenth of the idle time.
REPORTS_PER_SILENCE = 10
SHORTEST_REQUEST_INTERVAL_SECONDS = 0.1
# A broker outage shorter than this, between two requests, isn't noticed.
LONGEST_REQUEST_INTERVAL_SECONDS = 6.0
# How much later a worker that is sometimes busy may ask.
SLACK_SECONDS = 2.0


def request_interval(idle_seconds: float) -> float:
    """Return the seconds between two requests for where a partition ends."""
    pause = max(idle_seconds / REPORTS_PER_SILENCE, SHORTEST_REQUEST_INTERVAL_SECONDS)
    return min(pause, LONGEST_REQUEST_INTERVAL_SECONDS)


class CoverageWatch:
    """Follows how long a partition has been read to its end without a break.

    The end is known from requests. The time between two of them counts if the partition was read to
    both ends, and if they are no further apart than those of a worker that polls on time. So the
    time of an unresponsive broker, a blocked worker or a suspended process doesn't count.

    Args:
        end: returns the last answer to where the partition ends, and asks again when due.
        idle_seconds: for how long a silence is reported; a longer one makes no difference.
        poll_seconds: between two polls of a partition that has nothing to read.
        clock: monotonic, in seconds; the one that times the requests.
    """

    def __init__(
        self,
        end: Callable[[], CommittedEnd | None],
        idle_seconds: float,
        poll_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._end = end
        self._idle_seconds = idle_seconds
        self._longest_pause = request_interval(idle_seconds) + poll_seconds + SLACK_SECONDS
        self._clock = clock
        self._since = self._until = self._reported_to = self._records_at = clock()

    def look(self, position: Callable[[], int]) -> None:
        """Compare the position with the partition's end, unless a silence is fully reported."""
        if self._silence(self._reported_to) >= self._idle_seconds:
            return
        end = self._end()
        if end is None or end.asked_at <= self._until or position() < end.offset:
            return
        if end.asked_at - self._until > self._longest_pause:
            self._since = end.asked_at
        self._until = end.asked_at

    def is_report_due(self) -> bool:
        """Tell whether an empty batch is due, to report that a silence has grown."""
        longer = self._until - self._reported_to
        silence = self._silence(self._until)
        return longer > 0 and (
            longer >= self._idle_seconds / REPORTS_PER_SILENCE or silence >= self._idle_seconds
        )

    def report(self, *, records: bool) -> Coverage:
        """Return the coverage that a batch carries.

        Args:
            records: whether there are any in the batch.
        """
        now = self._clock()
        if records:
            self._records_at = now
        self._reported_to = self._until
        return Coverage(read_at=now, since=self._since, until=self._until)

    def _silence(self, until: float) -> float:
        return until - max(self._since, self._records_at)
