"""What contenders that take one message at a time share: the project's own functions on it."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
from datasketches import hll_sketch, hll_union, tgt_hll_type

from models import ProcessedLogin
from operators.batches import Reject
from operators.decode import decode
from operators.enrich import enrich, login_at

__all__ = ["Minute", "process", "to_json"]

LG_K = 14  # as the flow's own sketches

to_json = msgspec.json.Encoder().encode


def process(value: bytes | None, timestamp: int) -> ProcessedLogin | None:
    """Return what a record's value becomes; None for what is not a login.

    Args:
        value: JSON.
        timestamp: the record's, in ms since the epoch.
    """
    login = decode(value, timestamp)
    if isinstance(login, Reject):
        return None
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return enrich(login, f"{now}Z")


class Minute:
    """What the logins of a window add up to, one by one: no more than is compared in the end."""

    def __init__(self) -> None:
        self.logins = 0
        self.users = hll_sketch(LG_K, tgt_hll_type.HLL_8)
        self.device_types: Counter[str] = Counter()
        self.version_categories: Counter[str] = Counter()
        self.locales: Counter[str] = Counter()

    def add(self, login: ProcessedLogin) -> Self:
        """Count a login, and return this."""
        self.logins += 1
        self.users.update(login.user_id)
        self.device_types[login.device_type] += 1
        self.version_categories[login.version_category] += 1
        self.locales[login.locale] += 1
        return self

    def merge(self, other: Self) -> Self:
        """Add another part of the same window, and return this."""
        union = hll_union(LG_K)
        union.update(self.users)
        union.update(other.users)
        self.users = union.get_result(tgt_hll_type.HLL_8)
        self.logins += other.logins
        self.device_types += other.device_types
        self.version_categories += other.version_categories
        self.locales += other.locales
        return self

    def record(self, start: int) -> tuple[bytes, bytes]:
        """Return key and value of the window's record.

        Args:
            start: of the window, in seconds since the epoch.
        """
        key = login_at(start)
        insight = {
            "window_start": key,
            "logins": self.logins,
            "unique_users": round(self.users.get_estimate()),
            "device_types": self.device_types,
            "version_categories": self.version_categories,
            "locales": self.locales,
        }
        return key.encode(), to_json(insight)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "users": self.users.serialize_compact()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.users = hll_sketch.deserialize(state["users"])
