"""Whether a process lives and is ready, from what its edges have noted."""

import time
from collections.abc import Callable
from threading import get_ident

__all__ = ["HEALTH", "Health"]

# A worker polls every input partition many times a second, and while Kafka doesn't let it write it
# tries again every 5 seconds. The others of its cluster stand still meanwhile, since the engine
# takes a snapshot of all at once: so they are given some minutes before they count as hanging.
STUCK_SECONDS = 300.0
SILENT_SECONDS = 20.0  # brokers are asked every second, and given 5 to answer


class Health:
    """What the workers of a process note, each in its own thread, and what that means.

    Args:
        clock: seconds, never going back.

    Attributes:
        ends: this process is about to end, and its metrics say why.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[int, float] = {}
        self._unpolled: set[int] = set()
        self._assigned = 0
        self._answered_at: float | None = None
        self._answering_since = 0.0  # when brokers began to answer, after a silence
        self._draining: Callable[[], bool] = lambda: False
        self.ends = False

    def drains_when(self, draining: Callable[[], bool]) -> None:
        """Ask this whether the process is draining."""
        self._draining = draining

    def assigned(self, partition: int) -> None:
        """Note an input partition that this process will read."""
        self._assigned += 1
        self._unpolled.add(partition)

    def polled(self, partition: int) -> None:
        """Note a poll; to be called by the worker itself."""
        self._unpolled.discard(partition)
        self._beats[get_ident()] = self._clock()

    def waits_for_kafka(self, worker: int) -> None:
        """Note that a worker waits for Kafka, which is no reason to end it.

        Args:
            worker: its thread's id.
        """
        if worker in self._beats:  # until its first poll the start's own deadlines hold
            self._beats[worker] = self._clock()

    def ended(self) -> None:
        """Note that this worker's input has ended; another partition of it polls on."""
        self._beats.pop(get_ident(), None)

    def broker_answered(self) -> None:
        """Note that a broker answered."""
        if self._is_silent():
            self._answering_since = self._clock()
        self._answered_at = self._clock()

    def stuck(self) -> str | None:
        """Return why the process should be ended, None if it lives."""
        beats = self._beats.copy().values()
        if self._is_silent() or not beats:
            return None
        stood = self._clock() - max(min(beats), self._answering_since)
        if stood > STUCK_SECONDS:
            return f"a worker has stood still for {stood:.0f} seconds, though Kafka answers"
        return None

    def unready(self) -> str | None:
        """Return why the process doesn't process logins now, None if it does."""
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
