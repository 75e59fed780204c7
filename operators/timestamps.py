"""Timestamps in the forms that producers send, read as whole seconds since the epoch."""

import re
from datetime import date
from decimal import Decimal
from math import floor

__all__ = ["LAST_SECOND", "NO_TIME", "whole_seconds"]

LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that ISO 8601 has four digits for
LAST_MILLISECOND = LAST_SECOND * 1_000  # a number above it cannot be milliseconds
NO_TIME = -1
FIRST_DAY = date(1970, 1, 1).toordinal()
DAY_SECONDS = 86_400
LEAP_SECOND = 60

_match_fraction = re.compile(r"([0-9]+)\.[0-9]+").fullmatch
# Date and time of RFC 3339, and what widely used libraries write besides: a space for the T
# (Python, SQL), no seconds where they are 0 (Java), a comma before the fraction (logging of Python
# and Java), an offset without colon or minutes (Java, PostgreSQL) or none at all, and all of it
# without - and : (AWS). Neither week dates nor 24:00, which some programs write for the day's
# beginning and some for its end.
_match_iso_8601 = re.compile(
    r"([0-9]{4})(-)?([0-9]{2})(?(2)-)([0-9]{2})(?(2)[Tt ]|[Tt])"
    r"([01][0-9]|2[0-3])(?(2):)([0-5][0-9])(?:(?(2):)([0-5][0-9]|60)(?:[.,][0-9]+)?)?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?)?"
).fullmatch


def whole_seconds(timestamp: float | Decimal | str) -> int:
    """Return the second that a timestamp lies in, or NO_TIME if it isn't one from 1970 to 9999.

    A fraction is dropped. A number above LAST_SECOND can't be seconds, so it is milliseconds; one
    above LAST_MILLISECOND can't be those either, so it is microseconds.

    Args:
        timestamp: a finite number, or a text: decimal digits, perhaps with a fraction, or a date
            with a time in ISO 8601, in UTC unless it has an offset. A float gives NO_TIME if it is
            whole: it may have been rounded up, and only its digits tell.
    """
    if isinstance(timestamp, str):
        if not (timestamp.isascii() and timestamp.isdigit()):
            return _from_text(timestamp)
        number = int(timestamp)
        if number <= LAST_SECOND:
            return number
    elif isinstance(timestamp, float) and timestamp.is_integer():
        return NO_TIME
    else:
        number = floor(timestamp)
    if number > LAST_SECOND:
        number //= 1_000 if number <= LAST_MILLISECOND else 1_000_000
    return number if 0 <= number <= LAST_SECOND else NO_TIME


def _from_text(text: str) -> int:
    number = _match_fraction(text)
    return whole_seconds(number[1]) if number else _from_iso_8601(text)


def _from_iso_8601(text: str) -> int:
    match = _match_iso_8601(text)
    if match is None:
        return NO_TIME
    year, _, month, day, hour, minute, second, sign, *offset = match.groups(default="0")
    try:
        days = date(int(year), int(month), int(day)).toordinal() - FIRST_DAY
    except ValueError:
        return NO_TIME
    minutes = int(hour) * 60 + int(minute)
    ahead_of_utc = int(offset[0]) * 60 + int(offset[1])
    minutes += ahead_of_utc if sign == "-" else -ahead_of_utc
    seconds = days * DAY_SECONDS + minutes * 60 + int(second)
    # A leap second is the last of a day in UTC. It has the number of the second after it (POSIX).
    if int(second) == LEAP_SECOND and seconds % DAY_SECONDS:
        return NO_TIME
    return seconds if 0 <= seconds <= LAST_SECOND else NO_TIME
