"""From the bytes of a record to a login, or to the reason why they hold none."""

import codecs
import json
import time
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import accumulate
from math import isfinite
from types import NoneType
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from operators.batches import Login, LoginBatch, Reason, Reject, sort_out, unreadable
from operators.event_time import has_time
from operators.hints import (
    invalid_timestamp_detail,
    missing_hint,
    not_an_object_detail,
    not_json_detail,
)
from operators.timestamps import LAST_SECOND, NO_TIME, whole_seconds
from records import RecordBatch

__all__ = ["decode", "decode_batch", "decode_carefully"]

LARGEST_FIELD = 1_024  # bytes of UTF-8
UNLIMITED_FIELDS = frozenset({"ip"})  # one that is too long is not an address anyway
DAY_MS = 86_400_000
# Levels of arrays and objects, the outermost counted. Python's own limit differs between versions
# and with the depth of the call, so a replay could judge the same message otherwise.
DEEPEST_NESTING = 512
# Digits of an integer that are read: enough to see that it is too large for an id, and past any
# timestamp. Python refuses to convert more than 4,300, and takes quadratic time up to there.
LONGEST_INTEGER = LARGEST_FIELD + len("-") + 1
REGISTRY_MAGIC = b"\0"  # how a schema registry's header begins; the schema's id follows
REGISTRY_HEADER_BYTES = 5


class _SentLogin(Login, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A login with its timestamp in one of the forms that are sent."""

    timestamp: int | float | str  # type: ignore[assignment]  # decode leaves whole seconds in it


class _WithIntegerIds(_SentLogin, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A login with ids that may be integers; reading both kinds costs every login a little."""

    user_id: int | str  # type: ignore[assignment]  # decode leaves text in both
    device_id: int | str | None = None  # type: ignore[assignment]


FIELDS = Login.__struct_fields__
_read_login = msgspec.json.Decoder(_SentLogin).decode
_read_with_integer_ids = msgspec.json.Decoder(_WithIntegerIds).decode


def decode(value: bytes | None, record_timestamp: int) -> Login | Reject:
    """Read a login from a record's value. Never raises, whatever the bytes.

    Args:
        value: the record's value: JSON (RFC 8259) in UTF-8, perhaps after a schema registry's
            header or a byte-order mark; None for a tombstone.
        record_timestamp: when the record was written, in ms since the epoch; where that isn't
            known, when it was read.
    """
    if value is None:
        return Reject(Reason.TOMBSTONE, "the record has no value")
    # A field is no longer than the message it is in: JSON's escapes take more bytes than what
    # they stand for. So only a longer message can have a field that is too large.
    if len(value) <= LARGEST_FIELD:
        # Nearly all are good. Why one isn't is found below, at leisure.
        try:
            login = _read_login(value)
        except ValueError as error:  # of msgspec, and UnicodeDecodeError
            other = _read_other_form(value, str(error))
            if other is None:
                return decode_carefully(value, record_timestamp)
            login = other
        timestamp = login.timestamp
        if type(timestamp) is not int or timestamp > LAST_SECOND:
            timestamp = whole_seconds(timestamp)
            login = replace(login, timestamp=timestamp)
        if login.user_id and timestamp >= 0 and timestamp * 1_000 <= record_timestamp + DAY_MS:
            return login
    return decode_carefully(value, record_timestamp)


def _read_other_form(value: bytes, error: str) -> _SentLogin | None:
    """Read a login with a prefix or with integers as ids; None if it has something else.

    The usual something else is a field that isn't known. A second try would be in vain then.
    """
    payload = _without_prefix(value)
    if len(payload) == len(value) and "got `int`" not in error:
        return None
    try:
        login = _read_with_integer_ids(payload)
    except ValueError:
        return None
    device_id = login.device_id if login.device_id is None else str(login.device_id)
    ids = {"user_id": str(login.user_id), "device_id": device_id}
    return _SentLogin(**asdict(login) | ids)


def decode_batch(batch: RecordBatch, now: Callable[[], float] = time.time) -> LoginBatch[Login]:
    """Read the logins of a batch of records.

    Args:
        batch: as it was read.
        now: the clock, in seconds since the epoch.
    """
    if batch.unreadable is not None:
        return unreadable(batch, batch.unreadable)
    results = list(map(decode, batch.values, _written_or_read(batch.timestamps, now)))
    return sort_out(batch, results)


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
    payload = _without_prefix(value)
    try:
        document = _parse(payload)
    except RecursionError:  # less room on the stack than DEEPEST_NESTING takes
        return Reject(Reason.NOT_JSON, "the value is nested too deeply")
    except ValueError as error:
        prefix_bytes = len(value) - len(payload)
        detail = not_json_detail(value, payload, error) or _why_not_json(error, prefix_bytes)
        return Reject(Reason.NOT_JSON, detail)
    if not isinstance(document, dict):
        return Reject(Reason.NOT_AN_OBJECT, not_an_object_detail(document))
    fields = _known_fields(document)
    return (
        _lone_surrogate(fields)
        or _wrong_type(fields)
        or _too_large(fields)
        or _missing(fields, document)
        or _to_login(fields, record_timestamp)
    )


def _without_prefix(value: bytes) -> bytes:
    """Return what follows a schema registry's header, a byte-order mark, or one after the other."""
    if value.startswith(REGISTRY_MAGIC) and len(value) > REGISTRY_HEADER_BYTES:
        value = value[REGISTRY_HEADER_BYTES:]
    return value.removeprefix(codecs.BOM_UTF8)


def _known_fields(document: dict[str, Any]) -> dict[str, Any]:
    """Return a login's fields, with integers as text where they are ids."""
    fields = {name: document.get(name) for name in FIELDS}
    for name in ID_FIELDS:
        if type(fields[name]) is int:  # isinstance would take true for one
            fields[name] = str(fields[name])
    return fields


def _missing(fields: dict[str, Any], document: dict[str, Any]) -> Reject | None:
    for name, reason in REQUIRED_FIELDS.items():
        if fields[name] in (None, ""):
            hint = missing_hint(name, document)
            detail = f"{name} is absent, null or empty"
            return Reject(reason, f"{detail}; {hint}" if hint else detail)
    return None


def _to_login(fields: dict[str, Any], record_timestamp: int) -> Login | Reject:
    """Check the timestamp of a login that is right otherwise."""
    timestamp = whole_seconds(fields["timestamp"])
    if timestamp == NO_TIME:
        return Reject(Reason.INVALID_TIMESTAMP, invalid_timestamp_detail(fields["timestamp"]))
    if timestamp * 1_000 > record_timestamp + DAY_MS:
        detail = (
            "timestamp is more than a day past the record's own (past the time of reading, if the "
            "record's is absent or not from 2000 to 9999)"
        )
        return Reject(Reason.TIMESTAMP_IN_FUTURE, detail)
    return _SentLogin(**{**fields, "timestamp": timestamp})


def _lone_surrogate(fields: dict[str, Any]) -> Reject | None:
    """Find a text that is half a character, which JSON can write (RFC 8259, 8.2), UTF-8 can't."""
    for name, value in fields.items():
        if isinstance(value, str) and not _is_unicode(value):
            return Reject(Reason.NOT_JSON, f"{name} has a lone surrogate, which is not a character")
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wrong_type(fields: dict[str, Any]) -> Reject | None:
    for name, value in fields.items():
        if type(value) not in (TIMESTAMP_TYPES if name == "timestamp" else TEXT_TYPES):
            wanted = NUMBERS.get(name, "text")
            return Reject(Reason.WRONG_TYPE, f"{name} is {JSON_TYPES[type(value)]}, not {wanted}")
    return None


ID_FIELDS = ("user_id", "device_id")
REQUIRED_FIELDS = {
    "user_id": Reason.MISSING_USER_ID,
    "timestamp": Reason.MISSING_TIMESTAMP,
}
TEXT_TYPES = (str, NoneType)
TIMESTAMP_TYPES = (str, NoneType, int, Decimal)
NUMBERS = {
    **dict.fromkeys(ID_FIELDS, "an integer or text"),
    "timestamp": "a number or text",
}
JSON_TYPES = {
    bool: "a boolean",
    int: "a number",
    Decimal: "a number with a fraction or an exponent",
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


def _number(digits: str) -> Decimal:
    """Read a number exactly, but refuse what isn't finite as a double.

    Readers would differ about that (RFC 8259, 6).
    """
    if not isfinite(float(digits)):
        raise _NotJsonError("a number is too big for a double")
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of 20 digits: it is zero, or no double is as close to it
        return Decimal()


def _constant(name: str) -> float:
    raise _NotJsonError(f"{name} is no JSON")


_JSON = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_constant)


def _why_not_json(error: ValueError, prefix_bytes: int) -> str:
    """Explain without quoting: the libraries' own messages may hold parts of the value."""
    place = f" after its first {prefix_bytes} bytes" if prefix_bytes else ""
    match error:
        case _NotJsonError():
            return str(error)
        case UnicodeDecodeError():
            return f"the value is not UTF-8 at byte {error.start}{place}"
        case json.JSONDecodeError():
            return f"the value is not JSON at character {error.pos}{place}"
        case _:
            return "the value is not JSON"
