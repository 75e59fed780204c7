"""Every record on every topic: its struct, its topic, and what the struct can't say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from connectors.topics import COMPACTED_FOREVER
from contracts.schemas import Schema, make_schema
from contracts.structs import DeadLetterHeaders, UserLogin
from dlq.markers import SEGMENT_LETTERS, ReplayMarker
from models import Alert, Insight, ProcessedLogin, Progress
from operators.batches import Reason
from operators.decode import LARGEST_FIELD
from operators.enrich import DEVICE_TYPES
from operators.timestamps import LAST_SECOND
from settings import Settings

__all__ = ["RECORDS", "Record"]

COUNT: Schema = {"minimum": 0}
COUNTS: Schema = {"additionalProperties": {"type": "integer", "minimum": 1}}
TIME: Schema = {
    "format": "date-time",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
}
DIGITS: Schema = {"pattern": "^[0-9]+$"}
TEXT: Schema = {"maxLength": LARGEST_FIELD}
# Of a timestamp as text: what producers should send, which is a little less than what is read.
DECIMAL = r"[0-9]{1,17}(\.[0-9]+)?"
ISO_8601 = (
    "(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]"
    r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.,][0-9]+)?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?"
)
KINDS = ["password_spray", "many_networks", "many_locales", "network_burst"]
CATEGORIES = ["legacy", "stable", "current", "unknown"]
FLAGS = [
    "invalid_app_version",
    "invalid_ip",
    "missing_app_version",
    "missing_device_id",
    "missing_device_type",
    "missing_ip",
    "missing_locale",
    "timestamp_ahead",
    "unrecognised_device_type",
]
DEAD_LETTER: Mapping[str, Schema] = {
    "reason": {"pattern": "^[a-z_]+$", "examples": [reason.value for reason in Reason]},
    "detail": {"minLength": 1},
    "topic": {"minLength": 1},
    "partition": DIGITS,
    "offset": DIGITS,
    "timestamp": {"pattern": "^-?[0-9]+$"},  # -1 for a record without one
    "truncated": {"enum": ["headers", "headers, value", "headers, value, key"]},
}


@dataclass(frozen=True)
class Record:
    """A kind of record and the topic that it is on.

    Attributes:
        name: of the topic by default; the schema's file is called so.
        struct: whose schema it is.
        key: what the record's key is, for people.
        setting: which setting names the topic; None where another topic's name makes it.
        written: whether this program's flow or commands write it, rather than read it only.
        of_headers: whether the struct tells of the record's headers, not of its value.
        configuration: what the topic is made with, beside the broker's defaults.
        details: by attribute, what the struct can't say.
    """

    name: str
    struct: type[msgspec.Struct]
    key: str
    setting: str | None = None
    written: bool = True
    of_headers: bool = False
    configuration: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Schema] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of the schema's file."""
        return f"{self.name}.schema.json"

    @property
    def topic(self) -> str:
        """The topic's name by default."""
        if self.setting is None:
            return self.name
        default: Any = Settings.model_fields[self.setting].default
        return str(default)

    def schema(self) -> Schema:
        """Return the record's JSON Schema."""
        return make_schema(self.struct, self.details, written=self.written)


RECORDS = (
    Record(
        name="user-login",
        struct=UserLogin,
        key="any, or none; it is not looked at",
        setting="input_topic",
        written=False,
        details={
            "user_id": {"minLength": 1, **TEXT},
            "timestamp": {
                "minimum": 0,
                "maximum": LAST_SECOND * 1_000_000 + 999_999,
                "pattern": f"^({DECIMAL}|{ISO_8601})$",
            },
            "app_version": TEXT,
            "device_type": TEXT,
            "locale": TEXT,
            "device_id": TEXT,
        },
    ),
    Record(
        name="processed-user-login",
        struct=ProcessedLogin,
        key="the user_id; the partition is the one that Kafka's Java clients choose for it",
        setting="output_topic",
        details={
            "user_id": {"minLength": 1},
            "device_id": {"minLength": 1},
            "device_type": {"enum": list(DEVICE_TYPES.values())},
            "app_version": {"minLength": 1},
            "version_category": {"enum": CATEGORIES},
            "locale": {"minLength": 1},
            "masked_ip": {"pattern": r"^(([0-9]{1,3}\.){3}0|[0-9a-f:]*::)$"},
            "timestamp": {"minimum": 0, "maximum": LAST_SECOND},
            "login_at": TIME,
            "processed_at": {"format": "date-time", "pattern": "Z$"},
            "quality": {
                "items": {"type": "string", "pattern": "^[a-z_]+$", "examples": FLAGS},
                "uniqueItems": True,
            },
        },
    ),
    Record(
        name="user-login-dlq",
        struct=DeadLetterHeaders,
        key="the original record's",
        setting="dead_letter_topic",
        of_headers=True,
        details=DEAD_LETTER,
    ),
    Record(
        name="login-insights",
        struct=Insight,
        key="window_start: of records with the same key the last one counts",
        setting="insights_topic",
        configuration=COMPACTED_FOREVER,
        details={
            "window_start": TIME,
            "window_end": TIME,
            "logins": {"minimum": 1},
            "unique_users": COUNT,
            "device_types": {**COUNTS, "propertyNames": {"enum": list(DEVICE_TYPES.values())}},
            "app_versions": COUNTS,
            "version_categories": {**COUNTS, "propertyNames": {"enum": CATEGORIES}},
            "locales": COUNTS,
            "quality": COUNTS,
        },
    ),
    Record(
        name="login-alerts",
        struct=Alert,
        key="kind/subject/window_start: of records with the same key the last one counts",
        setting="alerts_topic",
        configuration=COMPACTED_FOREVER,
        details={
            "kind": {"pattern": "^[a-z_]+$", "examples": KINDS},
            "subject": {"minLength": 1},
            "window_start": TIME,
            "window_end": TIME,
            "count": {"minimum": 1},
            "threshold": {"minimum": 1},
            "logins": {"minimum": 1},
            "usual": COUNT,
            "sample": {"uniqueItems": True},
        },
    ),
    Record(
        name="login-alerts-dlq",
        struct=DeadLetterHeaders,
        key="the original record's",
        of_headers=True,
        details=DEAD_LETTER,
    ),
    Record(
        name="progress",
        struct=Progress,
        key="topic/partition of the input",
        configuration=COMPACTED_FOREVER,
        details={
            "topic": {"minLength": 1},
            "partition": COUNT,
            "offset": COUNT,
            "start": COUNT,
            "version": {"const": 1},
        },
    ),
    Record(
        name="user-login-dlq-replayed",
        struct=ReplayMarker,
        key="topic/partition/first of the dead letters",
        configuration=COMPACTED_FOREVER,
        details={
            "topic": {"minLength": 1},
            "partition": COUNT,
            "first": {"minimum": 0, "multipleOf": SEGMENT_LETTERS},
            "version": {"const": 1},
        },
    ),
)
