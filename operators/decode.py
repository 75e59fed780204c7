"""From the bytes of a record to a login, or to the reason why they hold none."""

import json
import time
from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import isfinite
from types import NoneType
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.records import RecordBatch
from operators.batches import Login, LoginBatch, Reason, Reject, sort_out, unreadable
from operators.event_time import has_time

__all__ = ["decode", "decode_batch", "decode_carefully"]

LARGEST_FIELD = 1_024  # bytes of UTF-8
UNLIMITED_FIELDS = frozenset({"ip"})  # one that is too long is no address anyway
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, the last that ISO 8601 has four digits for
DAY_MS = 86_400_000
# Levels of arrays and objects, the outermost counted. Python's own limit differs between versions
# and with the depth of the call, so a replay could judge the same message otherwise.
DEEPEST_NESTING = 512
# Digits of an integer that are read: enough to see that it is past any timestamp. Python refuses
# to convert more than 4,300, and takes quadratic time up to there.
LONGEST_INTEGER = 20


class _SentLogin(Login, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A login whose seconds may be text, as some apps send them."""

    timestamp: int | str  # type: ignore[assignment]  # decode leaves no text in it


FIELDS = Login.__struct_fields__
_read_login = msgspec.json.Decoder(_SentLogin).decode


def decode(value: bytes | None, record_timestamp: int) -> Login | Reject:
    """Read a login from a record's value. Never raises, whatever the bytes.

    Args:
        value: the record's value: JSON (RFC 8259) in UTF-8; None for a tombstone.
        record_timestamp: when the record was written, in ms since the epoch; where that isn't
            known, when it was read.
    """
    if value is None:
        return Reject(Reason.TOMBSTONE, "the record has no value")
    # A field is no longer than the message it stands in: JSON's escapes take more bytes than what
    # they stand for. So only a longer message can have a field that is too large.
    if len(value) <= LARGEST_FIELD:
        # Nearly all are good. Why one isn't is found below, at leisure.
        try:
            login = _read_login(value)
        except ValueError:  # of msgspec, and UnicodeDecodeError
            return decode_carefully(value, record_timestamp)
        timestamp = login.timestamp
        if isinstance(timestamp, str):
            timestamp = _whole_seconds(timestamp)
            login = replace(login, timestamp=timestamp)
        if (
            login.user_id
            and 0 <= timestamp <= LAST_SECOND
            and timestamp * 1_000 <= record_timestamp + DAY_MS
        ):
            return login
    return decode_carefully(value, record_timestamp)


def decode_batch(batch: RecordBatch, now: Callable[[], float] = time.time) -> LoginBatch[Login]:
    """Read the logins of a batch of records.

    Args:
        batch: as it was read.
        now: the clock, in seconds since the epoch.
    """
    if batch.unreadable is not None:
        return unreadable(batch, batch.unreadable)
    results = list(map(decode, batch.values, _written_or_read(batch.timestamps, now)))
    return sort_out(batch, range(len(results)), results)


def _written_or_read(timestamps: list[int], now: Callable[[], float]) -> Sequence[int]:
    """Return when each record was written, in ms, or the time of reading if that is unknown."""
    if not timestamps or (has_time(min(timestamps)) and has_time(max(timestamps))):
        return timestamps
    read = int(now() * 1_000)
    return [timestamp if has_time(timestamp) else read for timestamp in timestamps]


def decode_carefully(value: bytes, record_timestamp: int) -> Login | Reject:
    """Do what decode does for any message, ten times slower.

    msgspec refuses unknown fields here: in those it skips, it lets bad UTF-8 and 1e999 pass.
    """
    try:
        document = _parse(value)
    except RecursionError:  # less room on the stack than DEEPEST_NESTING takes
        return Reject(Reason.NOT_JSON, "the value is nested too deeply")
    except ValueError as error:
        return Reject(Reason.NOT_JSON, _why_not_json(error))
    if not isinstance(document, dict):
        return Reject(Reason.NOT_AN_OBJECT, "the value is JSON, but not an object")
    fields = {name: document.get(name) for name in FIELDS}
    return (
        _lone_surrogate(fields)
        or _wrong_type(fields)
        or _too_large(fields)
        or _to_login(fields, record_timestamp)
    )


def _to_login(fields: dict[str, Any], record_timestamp: int) -> Login | Reject:
    """Check what can be wrong with a login once all of its types are right."""
    if not fields["user_id"]:
        return Reject(Reason.MISSING_USER_ID, "user_id is absent, null or empty")
    timestamp = fields["timestamp"]
    if not isinstance(timestamp, int):
        if not timestamp:
            return Reject(Reason.MISSING_TIMESTAMP, "timestamp is absent, null or empty")
        timestamp = _whole_seconds(timestamp)
    if not 0 <= timestamp <= LAST_SECOND:
        detail = "timestamp is not whole seconds since 1970, in decimal digits, up to the year 9999"
        return Reject(Reason.INVALID_TIMESTAMP, detail)
    if timestamp * 1_000 > record_timestamp + DAY_MS:
        detail = (
            "timestamp is more than a day past the record's own (past the time of reading, if the "
            "record's is absent or not from 2000 to 9999)"
        )
        return Reject(Reason.TIMESTAMP_IN_FUTURE, detail)
    return _SentLogin(**{**fields, "timestamp": timestamp})


def _whole_seconds(text: str) -> int:
    """Return the number that ASCII digits stand for, -1 for any other text."""
    return int(text) if text.isascii() and text.isdigit() else -1


def _lone_surrogate(fields: dict[str, Any]) -> Reject | None:
    """Find a text that is half a character, which JSON can write (RFC 8259, 8.2), UTF-8 can't."""
    for name, value in fields.items():
        if isinstance(value, str) and not _is_unicode(value):
            return Reject(Reason.NOT_JSON, f"{name} has a lone surrogate, which is no character")
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wrong_type(fields: dict[str, Any]) -> Reject | None:
    for name, value in fields.items():
        allowed = (str, NoneType, int) if name == "timestamp" else (str, NoneType)
        if type(value) not in allowed:  # isinstance would take true for an int
            wanted = "an integer or text" if name == "timestamp" else "text"
            return Reject(Reason.WRONG_TYPE, f"{name} is {JSON_TYPES[type(value)]}, not {wanted}")
    return None


JSON_TYPES = {
    bool: "a boolean",
    int: "a number",
    float: "a number with a fraction or an exponent",
    list: "an array",
    dict: "an object",
}


def _too_large(fields: dict[str, Any]) -> Reject | None:
    for name, value in fields.items():
        if name in UNLIMITED_FIELDS or not isinstance(value, str):
            continue
        if len(value.encode()) > LARGEST_FIELD:
            return Reject(Reason.TOO_LARGE, f"{name} is over {LARGEST_FIELD:,} bytes of UTF-8")
    return None


def _parse(value: bytes) -> object:
    """Read any JSON, stricter than Python does by default.

    Raises:
        ValueError: it is no JSON, not UTF-8, nested too deeply, or has a number out of range.
    """
    text = value.decode()
    if _nesting(value) > DEEPEST_NESTING:
        raise _NotJsonError(f"the value is nested over {DEEPEST_NESTING} levels deep")
    document: object = _JSON.decode(text)
    return document


def _nesting(value: bytes) -> int:
    """Return how deep a JSON text is nested, or any number not above the limit.

    For what is no JSON the number may be wrong: the parser then refuses it for another reason.
    """
    openings = value.count(b"[") + value.count(b"{")
    if openings <= DEEPEST_NESTING:
        return openings
    # Escaped backslashes first: what is left before a quote then escapes it.
    parts = value.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    outside_of_texts = b"".join(parts[::2])
    steps = array("b", outside_of_texts.translate(_STEPS, _NO_BRACKETS))
    return max(accumulate(steps), default=0)


_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # 0xff is -1 in an array of signed bytes
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


class _NotJsonError(ValueError):
    """Refuses what Python's parser would take; the text is a dead letter's detail."""


def _integer(digits: str) -> int:
    return int(digits[:LONGEST_INTEGER])


def _number(digits: str) -> float:
    """Refuse what isn't finite as a double: readers would differ about it (RFC 8259, 6)."""
    number = float(digits)
    if not isfinite(number):
        raise _NotJsonError("a number is too big for a double")
    return number


def _constant(name: str) -> float:
    raise _NotJsonError(f"{name} is no JSON")


_JSON = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_constant)


def _why_not_json(error: ValueError) -> str:
    """Explain without quoting: the libraries' own messages may hold parts of the value."""
    match error:
        case _NotJsonError():
            return str(error)
        case UnicodeDecodeError():
            return f"the value is not UTF-8 at byte {error.start}"
        case json.JSONDecodeError():
            return f"the value is not JSON at character {error.pos}"
        case _:
            return "the value is not JSON"
