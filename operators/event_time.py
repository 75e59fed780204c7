"""When a login happened, the windows of event time, and when they are over."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import sub

__all__ = ["Windowing", "event_times", "has_time", "is_ahead", "none_is_ahead"]

# From 2000 (before there was a Kafka) to 9999, in ms. An earlier record time is in the wrong unit
# (seconds), a default (0) or absent (-1), a later one in microseconds.
FIRST_RECORD_TIME = 946_684_800_000
LAST_RECORD_TIME = 253_402_300_799_999
AHEAD_MS = 60_000  # a clock that is further ahead than this is wrong, rather than a little off


def has_time(record_time: int) -> bool:
    """Tell whether a record's timestamp, in ms since the epoch, is plausible."""
    return FIRST_RECORD_TIME <= record_time <= LAST_RECORD_TIME


def is_ahead(timestamp: int, record_time: int) -> bool:
    """Tell whether a login claims to be more than a minute newer than its record.

    Args:
        timestamp: the login's, in seconds since the epoch.
        record_time: its record's, in ms since the epoch; one before 2000 is ignored.
    """
    return timestamp * 1_000 > record_time + AHEAD_MS and has_time(record_time)


def none_is_ahead(timestamps: Sequence[int], record_times: Sequence[int], by_ms: int = 0) -> bool:
    """Tell whether no login claims to be newer than its record by more than this: the usual case.

    Loops in C, since every login is checked; pair by pair only if those can't decide it.

    Args:
        timestamps: the logins', in seconds since the epoch.
        record_times: parallel to them, their records', in ms.
        by_ms: by how much a login may be newer.
    """
    if not timestamps or max(timestamps) * 1_000 <= min(record_times) + by_ms:
        return True
    furthest: int = max(map(sub, map((1_000).__mul__, timestamps), record_times))
    return furthest <= by_ms


def event_times(timestamps: list[int], record_times: Sequence[int]) -> list[int]:
    """Return when logins happened: as they claim, but no later than their records were written.

    A login from a fast clock would otherwise move its partition's event time ahead, and make all
    others late until then. Record times are in the log, so a replay decides the same.

    Args:
        timestamps: the logins', in seconds since the epoch.
        record_times: parallel to them, their records', in ms; one before 2000 is ignored.
    """
    if none_is_ahead(timestamps, record_times):
        return timestamps
    return [
        record_time // 1_000 if timestamp * 1_000 > record_time >= FIRST_RECORD_TIME else timestamp
        for timestamp, record_time in zip(timestamps, record_times, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Windowing:
    """How event time is cut into windows [start, end), aligned to the Unix epoch.

    A window is identified by its start. All times are whole seconds since the epoch.

    Attributes:
        seconds: how long a window is.
        lateness: by how much a window's end may be before its partition's newest login, for the
            window's logins to count still.
    """

    seconds: int
    lateness: int

    def start(self, timestamp: int) -> int:
        """Return the start of the window that contains a time."""
        return timestamp - timestamp % self.seconds

    def end(self, start: int) -> int:
        """Return the first second after a window."""
        return start + self.seconds

    def is_past(self, start: int, newest: int) -> bool:
        """Tell whether logins of this window are late once one with the time `newest` was seen."""
        return start + self.seconds <= newest - self.lateness
