"""Numbers, times and ages in words."""

from datetime import UTC, datetime

__all__ = ["age", "clock", "number", "percent", "rate", "span"]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SMALL_SHARE = 0.001
SLOW = 10  # a rate below this is shown with a decimal


def number(value: int) -> str:
    """Return a whole number with thousands separators."""
    return f"{value:,}"


def rate(value: float) -> str:
    """Return a rate: whole from 10 on."""
    return f"{value:,.1f}" if 0 < value < SLOW else f"{value:,.0f}"


def percent(share: float) -> str:
    """Return a share from 0 to 1 as percent."""
    if 0 < share < SMALL_SHARE:
        return "<0.1%"
    return f"{share:.1%}"


def age(seconds: float) -> str:
    """Return how long ago something was, in one unit."""
    whole = max(0, int(seconds))
    for length, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if whole >= 2 * length:
            return f"{whole // length:,} {unit}"
    return f"{whole} s"


def clock(second: float, now: float) -> str:
    """Return a time of day in UTC, with its date unless that is today's."""
    moment, today = datetime.fromtimestamp(second, UTC), datetime.fromtimestamp(now, UTC)
    return f"{moment:%H:%M:%S}" if moment.date() == today.date() else f"{moment:%Y-%m-%d %H:%M:%S}"


def span(start: int, end: int) -> str:
    """Return a time span in UTC, to the minute."""
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    if first.date() == last.date():
        return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
