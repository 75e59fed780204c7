"""From a batch of logins to what is written: output records, dead letters and progress."""

from operator import itemgetter

import msgspec

from connectors.records import (
    DeadLetter,
    Headers,
    OutputBatch,
    OutputRecord,
    RecordBatch,
    RecordOrigin,
)
from models import ProcessedLogin
from operators.batches import LoginBatch, Reject

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
        arrived=source.timestamps[0] if source.timestamps else None,
    )


def _dead_letter(source: RecordBatch, index: int, reject: Reject) -> DeadLetter:
    origin = source.origins[index]
    return DeadLetter(
        offset=source.offsets[index],
        timestamp=source.timestamps[index],
        key=origin.key(),
        value=source.values[index],
        headers=_headers(origin),
        reason=reject.reason,
        detail=reject.detail,
    )


def _headers(origin: RecordOrigin) -> Headers | None:
    """Return a record's headers; None when one has a name that is not UTF-8.

    Kafka takes any bytes as a name. For such a one confluent-kafka 2.16 raises UnicodeDecodeError
    (SystemError on Python 3.11), once: asked again it returns a list with a null pointer in it. So
    this is the only place that asks.
    """
    try:
        return origin.headers() or []
    except (SystemError, UnicodeDecodeError):
        return None
