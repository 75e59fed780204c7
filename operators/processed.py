"""From the records of the output topic back to logins, or to the reason why they hold none."""

import msgspec

from models import ProcessedLogin
from operators.batches import LoginBatch, Reason, Reject, sort_out, unreadable
from operators.encode import encode_batch
from operators.timestamps import LAST_SECOND
from records import OutputBatch, RecordBatch

__all__ = ["read_processed", "read_processed_batch", "rejects_only"]

_read = msgspec.json.Decoder(ProcessedLogin).decode


def read_processed(value: bytes | None) -> ProcessedLogin | Reject:
    """Read a processed login from a record's value. Never raises, whatever the bytes.

    Args:
        value: as the login flow wrote it; None for a tombstone.
    """
    if value is None:
        return Reject(Reason.TOMBSTONE, "the record has no value")
    try:
        login = _read(value)
        login.user_id.encode()
    except msgspec.ValidationError:
        return Reject(Reason.WRONG_TYPE, "the record is not a processed login")
    except (ValueError, RecursionError):  # of msgspec, and UnicodeError
        return Reject(Reason.NOT_JSON, "the record is no JSON in UTF-8")
    if not 0 <= login.timestamp <= LAST_SECOND:
        return Reject(Reason.INVALID_TIMESTAMP, "timestamp is not a second from 1970 to 9999")
    return login


def read_processed_batch(batch: RecordBatch) -> LoginBatch[ProcessedLogin]:
    """Read the records of a batch."""
    if batch.unreadable is not None:
        return unreadable(batch, batch.unreadable)
    results = list(map(read_processed, batch.values))
    return sort_out(batch, results)


def rejects_only(batch: LoginBatch[ProcessedLogin]) -> OutputBatch:
    """Return what is written of logins that are only read: dead letters, and progress."""
    return encode_batch(LoginBatch(batch.source, [], [], batch.rejects))
