"""What the catalogue's pages share: the message type and ways to spoil a good login."""

import json
from dataclasses import dataclass
from typing import Final

RECORD: Final = "record"
"""The fate of a message that isn't a dead letter."""

TEXT_FIELDS: Final = ("user_id", "app_version", "device_type", "ip", "locale", "device_id")
HOSTILE_RECORD_BYTES: Final = 900_000  # nearly all that a broker takes by default (1,048,588)

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class HostileMessage:
    """One message and what shall become of it.

    Attributes:
        name: unique; the message's key too, unless the key is what is hostile about it.
        value: the message's value; None for a tombstone.
        expected: a dead letter's reason, or `record`.
        quality: the flags that a record gets, sorted; empty for a dead letter.
        headers: as kafka-python takes them: names are text, values are any bytes.
        key: the message's key; None for a message without one.
        record_timestamp_ms: the Kafka record's own time; None means the time of sending.
    """

    name: str
    value: bytes | None
    expected: str
    quality: tuple[str, ...]
    headers: Headers
    key: bytes | None
    record_timestamp_ms: int | None = None


def dead_letter(
    name: str, reason: str, value: bytes | None, headers: Headers = ()
) -> HostileMessage:
    """A message that shall become a dead letter with that reason."""
    return HostileMessage(name, value, reason, (), headers, name.encode())


def record(name: str, value: bytes, *flags: str, headers: Headers = ()) -> HostileMessage:
    """A message that shall become a record with those flags."""
    return HostileMessage(name, value, RECORD, tuple(sorted(flags)), headers, name.encode())


def login(name: str, now: int, **changes: object) -> bytes:
    """A good login as JSON, with the given fields changed or added."""
    return json.dumps(_fields(name, now) | changes).encode()


def login_without(name: str, now: int, *fields: str) -> bytes:
    """A good login as JSON, with the given fields left out."""
    kept = {field: value for field, value in _fields(name, now).items() if field not in fields}
    return json.dumps(kept).encode()


def login_raw(name: str, now: int, field: str, raw: str | bytes) -> bytes:
    """A good login whose `field` holds `raw` as it stands, whether that is JSON or not."""
    raw = raw.encode() if isinstance(raw, str) else raw
    return login(name, now, **{field: "<raw>"}).replace(b'"<raw>"', raw)


def _fields(name: str, now: int) -> dict[str, object]:
    return {
        "user_id": f"hostile-{name}",
        "app_version": "2.3.0",
        "device_type": "android",
        "ip": "203.0.113.77",
        "locale": "NY",
        "device_id": "593-47-5928",
        "timestamp": now,
    }
