"""Liveness and readiness of a process, from what its sources, sinks and watches report."""

import time
from collections.abc import Callable
from threading import get_ident

__all__ = ["HEALTH", "Health"]

# A worker polls every input partition many times per second; while it can't write to Kafka, it
# retries every 5 seconds. The cluster's other workers are blocked meanwhile, since the engine takes
# a snapshot of all at once: so they get some minutes before they count as stuck.
STUCK_SECONDS = 300.0
SILENT_SECONDS = 20.0  # brokers are asked every second, and given 5 to answer


class Health:
    """Keeps what the workers of a process report, each in its own thread, and draws conclusions.

    Args:
        clock: seconds, never going back.

    Attributes:
        ends: whether this process is about to end, and its metrics say why.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_polls: dict[int, float] = {}
        self._unpolled: set[int] = set()
        self._assigned = 0
        self._answered_at: float | None = None
        self._answering_since = 0.0  # when brokers began to answer, after a silence
        self._draining: Callable[[], bool] = lambda: False
        self.ends = False

    def drains_when(self, draining: Callable[[], bool]) -> None:
        """Set the function that tells whether the process is draining."""
        self._draining = draining

    def assigned(self, partition: int) -> None:
        """Report an input partition that this process will read."""
        self._assigned += 1
        self._unpolled.add(partition)

    def polled(self, partition: int) -> None:
        """Report a poll; called by the worker itself."""
        self._unpolled.discard(partition)
        self._last_polls[get_ident()] = self._clock()

    def waits_for_kafka(self, worker: int) -> None:
        """Report that a worker is waiting for Kafka, which is no reason to end it.

        Args:
            worker: its thread's id.
        """
        if worker in self._last_polls:  # until its first poll, the startup's own deadlines apply
            self._last_polls[worker] = self._clock()

    def ended(self) -> None:
        """Report that this worker's input has ended; any other partition of it still polls."""
        self._last_polls.pop(get_ident(), None)

    def broker_answered(self) -> None:
        """Report that a broker answered."""
        if self._is_silent():
            self._answering_since = self._clock()
        self._answered_at = self._clock()

    def stuck(self) -> str | None:
        """Return why the process should be ended, None if it is alive."""
        last_polls = self._last_polls.copy().values()
        if self._is_silent() or not last_polls:
            return None
        stuck = self._clock() - max(min(last_polls), self._answering_since)
        if stuck > STUCK_SECONDS:
            return f"a worker has been stuck for {stuck:.0f} seconds, though Kafka answers"
        return None

    def unready(self) -> str | None:
        """Return why the process isn't processing logins, None if it is."""
        if self.ends:
            return "this process is stopping: the last line of its log says why"
        if self._draining():
            return "draining"
        if not self._assigned:
            return "no input partition is assigned yet"
        if waiting := sorted(self._unpolled.copy()):
            return f"input partitions not polled yet: {', '.join(map(str, waiting))}"
        if self._is_silent():
            return f"no broker has answered for {SILENT_SECONDS:.0f} seconds"
        return None

    def _is_silent(self) -> bool:
        return self._answered_at is None or self._clock() - self._answered_at > SILENT_SECONDS


HEALTH = Health()  # of this process
