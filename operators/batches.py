"""What passes between the operators: logins, the reasons against them, and batches of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar, cast

import msgspec

from models import ProcessedLogin
from records import RecordBatch

__all__ = ["Login", "LoginBatch", "Reason", "Reject", "sort_out", "unreadable"]


class Reason(StrEnum):
    """Why a record is a dead letter; of several the first in this order is given."""

    TOMBSTONE = "tombstone"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    WRONG_TYPE = "wrong_type"
    TOO_LARGE = "too_large"
    MISSING_USER_ID = "missing_user_id"
    MISSING_TIMESTAMP = "missing_timestamp"
    INVALID_TIMESTAMP = "invalid_timestamp"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    INVALID_IP = "invalid_ip"  # in dead letters of earlier versions, which can still be replayed
    UNREADABLE = "unreadable"


class Reject(msgspec.Struct, frozen=True):
    """The verdict on a record that can't become a login.

    Attributes:
        reason: one word for counting.
        detail: a sentence for people: the field and the rule, never a value from the record.
    """

    reason: Reason
    detail: str


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A login as it came, with nothing in it that stops processing.

    Absent and null fields are None; an empty text stays one, and means the same. The fields stand
    in the order in which they are sent, which is read fastest.

    Attributes:
        user_id: never empty; as text also where it was sent as an integer, as is device_id.
        app_version: any text, as are the others.
        ip: not parsed yet; enrich does that, and masks it, in one go. It may not be an address.
        locale: a state or country code.
        device_id: a uuid or an id like 593-47-5928.
        timestamp: whole seconds since the epoch, from 1970 to 9999.
        device_type: not normalised yet.
    """

    user_id: str
    app_version: str | None = None
    ip: str | None = None
    locale: str | None = None
    device_id: str | None = None
    timestamp: int
    device_type: str | None = None


AnyLogin = TypeVar("AnyLogin", Login, ProcessedLogin)


@dataclass(slots=True)
class LoginBatch(Generic[AnyLogin]):
    """What became of a record batch so far: `Login`s after decode, `ProcessedLogin`s after enrich.

    Attributes:
        source: the batch as it was read; its next_offset is the progress, whatever is rejected.
        indexes: each login's position in the source, rising.
        logins: the logins kept, parallel to indexes.
        rejects: the records left out so far, by their position in the source, in no set order.
    """

    source: RecordBatch
    indexes: Sequence[int]
    logins: list[AnyLogin]
    rejects: list[tuple[int, Reject]]

    @property
    def record_times(self) -> Sequence[int]:
        """Each login's record timestamp in ms since the epoch, parallel to logins."""
        times = self.source.timestamps
        if len(self.logins) == len(times):
            return times
        return [times[index] for index in self.indexes]


def sort_out(source: RecordBatch, results: Sequence[AnyLogin | Reject]) -> LoginBatch[AnyLogin]:
    """Separate what was read from a batch's records into logins and rejects.

    Args:
        source: the batch.
        results: of its records, in their order.
    """
    # Nearly always nothing is rejected, and then nothing is copied.
    if Reject not in map(type, results):
        return LoginBatch(source, range(len(results)), cast("list[AnyLogin]", results), [])
    kept: list[tuple[int, AnyLogin]] = []
    left_out: list[tuple[int, Reject]] = []
    for index, result in enumerate(results):
        if isinstance(result, Reject):
            left_out.append((index, result))
        else:
            kept.append((index, result))
    return LoginBatch(source, [index for index, _ in kept], [login for _, login in kept], left_out)


def unreadable(source: RecordBatch, detail: str) -> LoginBatch[AnyLogin]:
    """Return the outcome of an unreadable Kafka batch: a single dead letter."""
    return LoginBatch(source, [], [], [(0, Reject(Reason.UNREADABLE, detail))])
