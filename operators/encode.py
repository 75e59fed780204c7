"""From a batch of logins to what is written: output records, dead letters and progress."""

from operator import itemgetter

import msgspec

from models import ProcessedLogin
from operators.batches import LoginBatch, Reject
from operators.event_time import has_time
from records import (
    DeadLetter,
    OutputBatch,
    OutputRecord,
    RecordBatch,
    readable_headers,
)

__all__ = ["encode", "encode_batch"]

_to_json = msgspec.json.Encoder().encode


def encode(login: ProcessedLogin) -> OutputRecord:
    """Return a login as a record: JSON, keyed by its user."""
    return {"key": login.user_id, "value": _to_json(login)}


def encode_batch(batch: LoginBatch[ProcessedLogin]) -> OutputBatch:
    """Return all that is written for a record batch, each part in the order of the input."""
    source = batch.source
    offsets = source.offsets
    if batch.rejects:
        offsets = [offsets[index] for index in batch.indexes]
    rejects = sorted(batch.rejects, key=itemgetter(0))
    return OutputBatch(
        topic=source.topic,
        partition=source.partition,
        start=source.start,
        next_offset=source.next_offset,
        offsets=offsets,
        records=[encode(login) for login in batch.logins],
        dead_letters=[_dead_letter(source, index, reject) for index, reject in rejects],
        arrived=_arrived(source),
    )


def _arrived(source: RecordBatch) -> int | None:
    """Return when the batch's first record was written, if it has a timestamp."""
    first = source.timestamps[0] if source.timestamps else None
    return first if first is not None and has_time(first) else None


def _dead_letter(source: RecordBatch, index: int, reject: Reject) -> DeadLetter:
    origin = source.origins[index]
    return DeadLetter(
        offset=source.offsets[index],
        timestamp=source.timestamps[index],
        key=origin.key(),
        value=source.values[index],
        headers=readable_headers(origin),
        reason=reject.reason,
        detail=reject.detail,
    )
