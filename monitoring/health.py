"""Whether a process lives and is ready, from what its edges have noted."""

import time
from collections.abc import Callable
from threading import get_ident

__all__ = ["HEALTH", "Health"]

# A worker polls every input partition many times a second, and while Kafka is away it tries again
# every 5 seconds. One that has done neither for so long hangs.
STUCK_SECONDS = 60.0
# The client tells every 5 seconds whether brokers answer.
SILENT_SECONDS = 20.0


class Health:
    """What the workers of a process note, each in its own thread, and what that means.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beats: dict[int, float] = {}
        self._unpolled: set[int] = set()
        self._assigned = 0
        self._heard: float | None = None
        self._draining: Callable[[], bool] = lambda: False

    def drains_when(self, draining: Callable[[], bool]) -> None:
        """Ask this whether the process is draining."""
        self._draining = draining

    def assigned(self, partition: int) -> None:
        """Note an input partition that this process will read; a broker has told where from."""
        self._assigned += 1
        self._unpolled.add(partition)
        self.heard()

    def polled(self, partition: int) -> None:
        """Note a poll; to be called by the worker itself."""
        self._unpolled.discard(partition)
        self._beats[get_ident()] = self._clock()

    def tried(self, worker: int) -> None:
        """Note that a worker waits for Kafka, which is no reason to end it.

        Args:
            worker: its thread's id.
        """
        if worker in self._beats:  # until its first poll the start's own deadlines hold
            self._beats[worker] = self._clock()

    def ended(self) -> None:
        """Note that this worker's input has ended; another partition of it polls on."""
        self._beats.pop(get_ident(), None)

    def heard(self) -> None:
        """Note that a broker answered."""
        self._heard = self._clock()

    def stuck(self) -> str | None:
        """Return why the process should be ended, None if it lives."""
        silent = max((self._clock() - beat for beat in self._beats.copy().values()), default=0.0)
        if silent > STUCK_SECONDS:
            return f"a worker has stood still for {silent:.0f} seconds"
        return None

    def unready(self) -> str | None:
        """Return why the process doesn't process logins now, None if it does."""
        if self._draining():
            return "draining"
        if not self._assigned:
            return "no input partition is assigned yet"
        if waiting := sorted(self._unpolled.copy()):
            return f"input partitions not polled yet: {', '.join(map(str, waiting))}"
        if self._heard is None or self._clock() - self._heard > SILENT_SECONDS:
            return f"no broker has answered for {SILENT_SECONDS:.0f} seconds"
        return None


HEALTH = Health()  # of this process
