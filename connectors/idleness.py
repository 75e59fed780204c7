"""When an input partition counts as idle: read to its end, and silent for long enough."""

from collections.abc import Callable

__all__ = ["IdleWatch"]

# A longer time between two polls wasn't silence: the worker had no time to listen.
LONGEST_POLL_SECONDS = 1.0
CHECKS = 10  # within the time of silence: each one asks the broker for the partition's end
SHORTEST_CHECK_SECONDS = 0.1


class IdleWatch:
    """Adds up a partition's silence between polls that found nothing.

    A broker that doesn't answer, a worker that is busy writing and a process that was just started
    are no silence, so none of them adds to it.

    Args:
        seconds: how much silence makes a partition idle.
        at_end: asks the broker whether all there is was read; False also when it doesn't answer.
        clock: seconds, never going back.
    """

    def __init__(
        self, seconds: float, at_end: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self._seconds = seconds
        self._at_end = at_end
        self._clock = clock
        self._check_every = max(seconds / CHECKS, SHORTEST_CHECK_SECONDS)
        self._said = False
        self._silence = 0.0
        self._next_check = self._check_every
        self._last_poll = clock()

    def heard(self) -> None:
        """Begin anew: there were records."""
        self._said = False
        self._begin()

    def silent(self) -> bool:
        """Note a poll that found nothing; True once, when the partition has become idle."""
        now = self._clock()
        if now - self._last_poll <= LONGEST_POLL_SECONDS:
            self._silence += now - self._last_poll
        self._last_poll = now
        if self._said or self._silence < self._next_check:
            return False
        self._next_check = self._silence + self._check_every
        if not self._at_end():
            self._begin()
        elif self._silence >= self._seconds:
            self._said = True
        return self._said

    def _begin(self) -> None:
        self._silence = 0.0
        self._next_check = self._check_every
        self._last_poll = self._clock()
