"""What is probably wrong with a record that isn't a login, and what its sender can do about it.

The sentences go into dead letters, so no value of the record is in them, and no name that the
record's sender chose. All of this runs for rejected records only.
"""

import codecs
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from operators.timestamps import LAST_SECOND, NO_TIME

__all__ = [
    "invalid_timestamp_detail",
    "missing_hint",
    "not_an_object_detail",
    "not_json_detail",
]

NOT_UTF8 = "the value is UTF-16 or similar text: send JSON in UTF-8"
SEVERAL = "the value holds several JSON texts: send one login per record"
BINARY_AFTER_HEADER = (
    "the value is not JSON, but probably Avro or Protobuf after a schema registry's header: "
    "send JSON, for example with the registry's JSON serializer"
)
LONG_HEADER = (
    "the value has a schema registry's header with an id of eight bytes: "
    "set the serializer to ids of four bytes"
)
COMPRESSED = "the value is compressed: send JSON, and let the Kafka producer compress it"
# How other formats begin.
BEGINNINGS = {
    b"\x1f\x8b": COMPRESSED,  # gzip
    b"\x28\xb5\x2f\xfd": COMPRESSED,  # zstd
    b"\x04\x22\x4d\x18": COMPRESSED,  # lz4
    b"Obj\x01": "the value is an Avro file: send JSON, one login per record",
    b"\xac\xed\x00\x05": "the value is a serialized Java object: send JSON",
    b"\x03\x00": "the value has the header of AWS Glue's schema registry: send JSON without it",
    b"\x03\x05": "the value has the header of AWS Glue's schema registry: send JSON without it",
    b"{'": "the value has single quotes where JSON has double quotes: write it with a JSON library",
}
WIDE_ENCODINGS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# Two characters: one alone in UTF-32 could be the registry's header before Avro.
OBJECT_BEGINNINGS = ('{"', "{ ", "{\n", "{\r", "{\t", "[{", "[ ", "[\n", "[\r")
WIDE_BEGINNINGS = (
    *(codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE),  # UTF-32-LE's begins alike
    *(text.encode(encoding) for text in OBJECT_BEGINNINGS for encoding in WIDE_ENCODINGS),
)
LONG_HEADER_BYTES = 9
LAST_NANOSECOND = (LAST_SECOND + 1) * 1_000_000_000 - 1


def not_json_detail(value: bytes, payload: bytes, error: ValueError) -> str | None:
    """Return what a record's value is if it isn't JSON; None if nothing is known about it.

    Args:
        value: the whole value.
        payload: what follows a schema registry's header or a byte-order mark in it.
        error: of the JSON parser.
    """
    if value.startswith(WIDE_BEGINNINGS):
        return NOT_UTF8
    if value.startswith(b"\0") and payload != value:
        if _is_object(value[LONG_HEADER_BYTES:]):
            return LONG_HEADER
        if payload.lstrip()[:1] not in (b"{", b"["):
            return BINARY_AFTER_HEADER
    for beginning, detail in BEGINNINGS.items():
        if value.startswith(beginning):
            return detail
    if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
        return SEVERAL if error.doc[error.pos] in "{[," else None
    return None


def not_an_object_detail(document: object) -> str:
    """Return what a JSON document is that isn't an object, and what to send instead."""
    if isinstance(document, list):
        return "the value is a JSON array, not an object: send one login per record"
    if isinstance(document, str) and document.lstrip().startswith("{"):
        return "the value is JSON within a JSON string, encoded twice: encode the login once"
    return "the value is JSON, but not an object"


def missing_hint(field: str, document: dict[str, Any]) -> str | None:
    """Return where in a record a field may be that isn't where it belongs; None if nowhere.

    Args:
        field: the name of the field that is absent, null or empty.
        document: the record.
    """
    if _is_debezium(document) or _is_debezium(document.get("payload")):
        return (
            "the record is a Debezium change event: "
            "unwrap it with the connector's transform ExtractNewRecordState"
        )
    if document.keys() >= {"schema", "payload"}:
        return "the record is a Kafka Connect envelope: turn off schemas in the JSON converter"
    if "specversion" in document:
        return "the record is a structured CloudEvent: send it in binary mode, the data as value"
    if _has(field, {name: None for name in document if name != field}):
        return f"it is there under another spelling: field names are in lower case, as {field}"
    return _within(field, document.values())


def invalid_timestamp_detail(timestamp: int | Decimal | str) -> str:
    """Return what is wrong with a timestamp that is in none of the accepted forms."""
    if _is_in_nanoseconds(timestamp):
        return "timestamp is in nanoseconds: send seconds, milliseconds or microseconds"
    return (
        "timestamp is not from 1970 to 9999: send epoch seconds, milliseconds or microseconds, "
        "or an ISO date and time"
    )


def _is_in_nanoseconds(timestamp: int | Decimal | str) -> bool:
    if isinstance(timestamp, str):
        timestamp = int(timestamp) if timestamp.isascii() and timestamp.isdigit() else NO_TIME
    return 0 <= timestamp <= LAST_NANOSECOND


def _within(field: str, values: Iterable[object]) -> str | None:
    """Say which kind of value holds a field, on the next level."""
    for value in values:
        if _has(field, value):
            return f"a field of the record is an object with a {field}: send only that object"
        if isinstance(value, list) and value and _has(field, value[0]):
            return f"a field of the record is an array of objects with a {field}: send each alone"
        if isinstance(value, str) and value.lstrip().startswith("{") and f'"{field}"' in value:
            return f"a field of the record is JSON text with a {field}: send only that, as JSON"
    return None


def _has(field: str, value: object) -> bool:
    """Tell whether a value is an object with that field, in whatever spelling."""
    return isinstance(value, dict) and _letters(field) in map(_letters, value)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


def _is_debezium(value: object) -> bool:
    return isinstance(value, dict) and "op" in value and ("after" in value or "before" in value)


def _is_object(value: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(value), dict)
    except (ValueError, RecursionError):
        return False
