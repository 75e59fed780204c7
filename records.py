"""What source and sinks exchange with a flow: batches of records, as columns of plain values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

__all__ = [
    "NOTHING_KNOWN",
    "ConsumedRecord",
    "Coverage",
    "DeadLetter",
    "Headers",
    "OutputBatch",
    "OutputRecord",
    "RecordBatch",
    "RecordOrigin",
    "partition_name",
    "readable_headers",
]

Headers = list[tuple[str, bytes | None]]


def partition_name(partition: int) -> str:
    """Name a partition so that the engine, which sorts names as text, keeps the numbers' order."""
    return f"{partition:05d}"


class RecordOrigin(Protocol):
    """What a dead letter needs of the record it came from; every consumed message has it."""

    def key(self) -> bytes | None:
        """Return the record's key as bytes."""

    def headers(self) -> Headers | None:
        """Return the record's headers in order."""


def readable_headers(record: RecordOrigin) -> Headers | None:
    """Return a consumed record's headers; None when one has a name that is not UTF-8.

    Kafka allows any bytes as a name. For such a name confluent-kafka 2.16 raises UnicodeDecodeError
    (SystemError on Python 3.11), once: asked again it returns a list with a null pointer in it. So
    every program calls this, and only once per record.
    """
    try:
        return record.headers() or []
    except (SystemError, UnicodeDecodeError):
        return None


class ConsumedRecord(RecordOrigin, Protocol):
    """A message that a consumer returned and that isn't an error."""

    def offset(self) -> int:
        """Return the record's offset in its partition."""

    def value(self) -> bytes | None:
        """Return the record's value as bytes."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of the record's timestamp, and the timestamp in ms."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Up to when a partition was read: what was committed by `until` is in this batch or before it.

    Times are seconds of a monotonic clock, the same one for all of a partition's batches
    in a run. The defaults mean that nothing is known.

    Attributes:
        read_at: when the batch was read.
        since: from then to `until` the partition was followed without a break.
        until: the last time at which the partition is known to have had nothing more.
    """

    read_at: float = 0.0
    since: float = 0.0
    until: float = 0.0


NOTHING_KNOWN = Coverage()


@dataclass(slots=True)
class RecordBatch:
    """Records of one input partition, one list per column.

    Attributes:
        topic: the input topic.
        partition: the input partition that all of them came from.
        start: the offset where this partition's state began; progress records repeat it.
        next_offset: the input offset after the batch's last record.
        offsets: each record's offset, ascending; compaction and transactions leave gaps.
        timestamps: each record's timestamp in ms since the epoch, as it was set; -1 for none.
        values: each record's value, None for a tombstone.
        origins: the consumed messages, for key and headers of dead letters only.
        coverage: up to when the partition was read; a batch may carry nothing else.
        gap: the first batch of a state that began in mid-stream: there were records before it
            that belong to the same windows.
        unreadable: why a Kafka batch can't be read, as a sentence. Its first offset, newest
            timestamp and untouched bytes are in place of a record's; None in all other batches.
    """

    topic: str
    partition: int
    start: int
    next_offset: int
    offsets: Sequence[int]
    timestamps: list[int]
    values: list[bytes | None]
    origins: Sequence[RecordOrigin]
    coverage: Coverage = NOTHING_KNOWN
    gap: bool = False
    unreadable: str | None = None


# What confluent-kafka's produce_batch takes: {"key": ..., "value": ...}.
OutputRecord = dict[str, bytes | str]


@dataclass(slots=True)
class DeadLetter:
    """An input record that can't be processed, whole, with the reason why.

    Attributes:
        offset: the record's offset in its input partition.
        timestamp: the record's timestamp in ms since the epoch; -1 for none.
        key: its key, untouched.
        value: its value, untouched; None for a tombstone.
        headers: its headers, untouched; None where they can't be read.
        reason: one word for counting.
        detail: one sentence for people, with no value of the record in it.
    """

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None
    reason: str
    detail: str


@dataclass(slots=True)
class OutputBatch:
    """What one record batch became: outputs and dead letters, to be written as one.

    Attributes:
        topic: the input topic.
        partition: the input partition.
        start: the offset where the partition's state began.
        next_offset: the input offset after the batch, for its progress record.
        offsets: the input offset of each output record, so that a replay can leave out what is
            already written.
        records: the output records, parallel to offsets.
        dead_letters: the records that have no output.
        arrived: when the batch's first record was written to the input, in ms since the epoch; None
            without records, or if it isn't known.
    """

    topic: str
    partition: int
    start: int
    next_offset: int
    offsets: Sequence[int]
    records: list[OutputRecord]
    dead_letters: list[DeadLetter] = field(default_factory=list)
    arrived: int | None = None

    @property
    def key(self) -> str:
        """The name of the sink partition that writes the batch."""
        return partition_name(self.partition)
