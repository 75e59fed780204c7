"""Logs a line when many logins come too late for their windows."""

import time
from collections.abc import Callable

__all__ = ["LateWatch"]

SAMPLE_LOGINS = 200  # fewer prove nothing: a phone that was offline sends a few dozen at once
LATE_RATIO = 0.1  # from which share of late logins on the line is logged
SECONDS_BETWEEN_LINES = 3_600.0  # it takes a person to fix the cause: hourly is enough


class LateWatch:
    """Counts late logins, and reports when there are many.

    Args:
        warn: logs the line.
        setting: the allowed lateness's name and value, for the line.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        warn: Callable[[str], object],
        setting: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._warn = warn
        self._setting = setting
        self._clock = clock
        self._logins = 0
        self._late = 0
        self._quiet_until = clock()

    def count(self, logins: int, late: int) -> None:
        """Count logins, and how many of these or earlier ones turned out to be late."""
        self._logins += logins
        self._late += late
        if self._logins < SAMPLE_LOGINS:
            return
        if self._late > LATE_RATIO * self._logins and self._clock() >= self._quiet_until:
            self._quiet_until = self._clock() + SECONDS_BETWEEN_LINES
            self._warn(self._line())
        self._logins = self._late = 0

    def _line(self) -> str:
        return (
            f"{self._late:,} of the last {self._logins:,} logins came too late for their windows: "
            "a producer's clock is fast, old logins were sent again, or logins arrive later than "
            f"{self._setting} allows (docs/runbook.md, LoginManyLate, says how to tell); this "
            "is logged at most once an hour"
        )
