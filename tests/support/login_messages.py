"""Messages with a login, clean or with something wrong, and what decode makes of them."""

import json

from operators.batches import Login, Reason, Reject
from operators.decode import FIELDS, decode

NOW = 1_720_622_216
NOW_MS = NOW * 1_000
DAY = 86_400
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
TEXT_FIELDS = tuple(name for name in FIELDS if name != "timestamp")
CLEAN: dict[str, object] = {
    "user_id": "593-47-5928",
    "app_version": "2.3.0",
    "ip": "203.0.113.77",
    "locale": "CA",
    "device_id": "70d46930-4dbf-4458-b100-179cd9ad90aa",
    "timestamp": NOW,
    "device_type": "android",
}


def message(**changes: object) -> bytes:
    """A clean login with some fields changed or added."""
    return json.dumps(CLEAN | changes).encode()


def raw_message(name: str, raw: str | bytes) -> bytes:
    """A clean login, one field of which is `raw` as it stands."""
    raw = raw.encode() if isinstance(raw, str) else raw
    return message(**{name: "<raw>"}).replace(b'"<raw>"', raw)


def without(name: str) -> bytes:
    """A clean login that lacks a field."""
    return json.dumps({key: value for key, value in CLEAN.items() if key != name}).encode()


def nested(levels: int) -> str:
    """An array in an array, that many levels deep."""
    return "[" * levels + "]" * levels


def reason(value: bytes | None) -> Reason | None:
    """Why a message is rejected, None for a login."""
    result = decode(value, NOW_MS)
    return result.reason if isinstance(result, Reject) else None


def login(value: bytes) -> Login:
    """The login that a message holds."""
    result = decode(value, NOW_MS)
    assert isinstance(result, Login), result
    return result
