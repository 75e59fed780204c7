"""One input partition: polls it for batches, compares its position with its end, and ends it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import cast

import structlog
from bytewax.inputs import StatefulSourcePartition
from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    KafkaError,
    Message,
    TopicPartition,
)

from connectors.coverage import CoverageWatch
from connectors.fair_polling import FairPolling
from connectors.group_offsets import GroupOffsets
from connectors.hanging import LogEnd
from connectors.partition_ends import PartitionEnds
from connectors.refusals import denied
from connectors.resume import Position, SourceState
from connectors.stall import StallWatch
from connectors.stopping import (
    LEFT_UNREAD_STATUS,
    block_if_ending,
    end_with_status,
    stop_process,
)
from connectors.topic_watch import stop_if_topics_changed
from connectors.unreadable import SkippedBatch, UnreadableBatches, is_unreadable
from connectors.worker_consumer import WorkerConsumer
from monitoring import observe
from monitoring.health import HEALTH
from records import ConsumedRecord, RecordBatch
from settings import Settings

__all__ = ["EndOffsets", "InputPartition", "SharedReading"]

log = structlog.get_logger()

NO_TIMESTAMP = -1  # as Kafka's own clients show it
LAG_SECONDS = 5.0  # between two measurements, each of which costs as much as a poll


class EndOffsets:
    """Where the partitions of a process end with STOP_AT_END; they all end together.

    A partition at its end is still polled until all partitions of its process are at theirs: it has
    to become idle, or it would hold every window open until the last one ends.
    """

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        self._held_back: dict[int, LogEnd] = {}
        self._reading: set[int] = set()

    def set(self, partition: int, end: LogEnd) -> None:
        """Set where a partition ends: at the end of what is committed."""
        self._ends[partition] = end.committed
        self._reading.add(partition)
        if end.held_back:
            self._held_back[partition] = end

    def includes(self, partition: int, offset: int) -> bool:
        """Tell whether a record still belongs to the run."""
        return offset < self._ends.get(partition, offset + 1)

    def clamp(self, partition: int, offset: int) -> int:
        """Return an offset, or the partition's end if that comes first."""
        return min(offset, self._ends.get(partition, offset))

    def all_reached(self, partition: int, position: int) -> bool:
        """Note how far a partition was read; tell whether it and all others are at their ends."""
        if partition not in self._ends:
            return False
        if position >= self._ends[partition]:
            self._reading.discard(partition)
        return not self._reading

    def report_unread(self, topic: str) -> None:
        """Log, once, what is left unread because of open transactions, and set the exit status."""
        held_back, self._held_back = self._held_back, {}
        if held_back:
            left = ", ".join(
                f"{end.held_back} of partition {partition} (from {end.committed} on)"
                for partition, end in sorted(held_back.items())
            )
            end_with_status(
                LEFT_UNREAD_STATUS,
                f"{topic}: stopped at the end of the committed records; an open transaction holds "
                f"back the offsets after them: {left}; run again once its producer has committed "
                f"or aborted it; exit status {LEFT_UNREAD_STATUS}",
            )


@dataclass(frozen=True, slots=True)
class SharedReading:
    """What the partitions of a worker share.

    Attributes:
        consumer: reads all of the worker's partitions.
        ends: asks for their current ends.
        stop_at: where partitions end, if anywhere; the same for all partitions of the process.
        polling: decides which partition may poll; the same for all partitions of the process.
        draining: ends every partition when set.
        group_offsets: gets the offsets up to which input was read.
    """

    consumer: WorkerConsumer
    ends: PartitionEnds
    stop_at: EndOffsets
    polling: FairPolling
    draining: Event
    group_offsets: GroupOffsets


class InputPartition(StatefulSourcePartition[RecordBatch, SourceState]):
    """Polls one partition, and keeps its position.

    Args:
        where: topic and partition.
        position: where reading begins.
        state: of the snapshot that the partition begins with.
        settings: the process's settings.
        shared: what it shares with other partitions; the consumer already reads this one.
    """

    def __init__(
        self,
        where: TopicPartition,
        position: Position,
        state: SourceState,
        settings: Settings,
        shared: SharedReading,
    ) -> None:
        self._consumer = shared.consumer
        self._where = where
        self._begin = position.offset
        self._gap = position.gap
        self._state = state
        self._batch_size = settings.batch_size
        self._interval = timedelta(milliseconds=settings.batch_interval_ms)
        self._coverage = CoverageWatch(
            lambda: shared.ends.of(where.partition),
            settings.idle_partition_seconds,
            self._interval.total_seconds(),
            time.monotonic,
        )
        self._ends = shared.ends
        self._end = shared.stop_at
        self._polling = shared.polling
        self._draining = shared.draining
        self._group_offsets = shared.group_offsets
        self._stall = StallWatch(lambda: shared.ends.of(where.partition), time.monotonic)
        self._unreadable = UnreadableBatches(shared.consumer, where, settings)
        self._skipped: SkippedBatch | None = None
        self._next_awake: datetime | None = None
        self._lag_due_at = time.monotonic()
        HEALTH.assigned(where.partition)

    def next_batch(self) -> list[RecordBatch]:
        """Return what has come since the last poll, in batches.

        Raises:
            StopIteration: when the flow drains, or at the end of a STOP_AT_END run.
        """
        block_if_ending()
        if self._draining.is_set():
            self._note_position()
            raise StopIteration
        HEALTH.polled(self._where.partition)
        if not self._polling.may_poll(self._where.partition):
            self._next_awake = datetime.now(UTC)  # with None the engine would pause first
            return []
        self._coverage.look(self._position)  # before the poll, which may return several batches
        records = self._poll()
        self._check_lag()
        batches: list[RecordBatch] = []
        if records or self._gap:
            # A gap is reported at once, even without records: before the partition ends or is idle.
            batches = [self._batch(some) for some in _cut(records, self._batch_size)]
        if self._skipped is not None:
            batches.append(self._skipped_batch(self._skipped))
            self._skipped = None
        if batches:
            return batches
        self._note_position()
        if self._end.all_reached(self._where.partition, self._position()):
            self._end.report_unread(self._where.topic)
            raise StopIteration
        return [self._batch([])] if self._coverage.is_report_due() else []

    def next_awake(self) -> datetime | None:
        """Return when to poll again: at once if there is more or it couldn't poll, else later."""
        return self._next_awake

    def snapshot(self) -> SourceState:
        """Return where reading resumes: after the last record emitted, if there was one."""
        return self._state.copy()

    def close(self) -> None:
        """Stop reading."""
        self._ends.close()
        self._consumer.end(self._where.partition)
        HEALTH.ended()

    def _poll(self) -> list[ConsumedRecord]:
        """Return what has come since the last poll, and note when to poll again."""
        partition = self._where.partition
        polled = self._consumer.take(partition, max(self._polling.remaining, self._batch_size))
        more = self._consumer.has_more(partition)
        self._next_awake = None if more else datetime.now(UTC) + self._interval
        records = self._records(polled)
        self._polling.add(len(records))
        return records

    def _records(self, polled: list[Message]) -> list[ConsumedRecord]:
        """Leave out the client's errors, and records after the end of a STOP_AT_END run."""
        if [message for message in polled if message.error() is not None]:  # faster than any()
            polled = self._without_errors(polled)
        records = cast("list[ConsumedRecord]", polled)
        partition = self._where.partition
        if not records or self._end.includes(partition, records[-1].offset()):
            return records
        return [record for record in records if self._end.includes(partition, record.offset())]

    def _without_errors(self, polled: list[Message]) -> list[Message]:
        """Return the records before the first unreadable batch, if there is one."""
        records: list[Message] = []
        for message in polled:
            error = message.error()
            if error is None:
                records.append(message)
            elif is_unreadable(message):
                self._handle_unreadable(error, message.offset() or 0, records)
                break  # what follows is read again, or isn't wanted
            elif self._consumer.is_stale_error(message):
                # If it does belong here, the client reports it again, for the next offset.
                self._consumer.resume_at(self._where.partition, self._position())
            else:
                self._handle_error(error, message.partition())
        return records

    def _handle_unreadable(self, error: KafkaError, offset: int, before: list[Message]) -> None:
        partition = self._where.partition
        if not self._end.includes(partition, offset):
            self._consumer.pause(partition)
            return
        read_to = (before[-1].offset() or 0) + 1 if before else self._next_offset()
        offset = max(offset, read_to)
        self._skipped = self._unreadable.skip(
            error, offset, earlier_written=self._is_written(read_to)
        )
        if self._skipped is not None:
            self._next_awake = None  # there may be more after it

    def _is_written(self, offset: int) -> bool:
        """Tell whether all that this run has read before an offset is written."""
        return offset <= self._begin or self._group_offsets.is_written(
            self._where.partition, offset
        )

    def _handle_error(self, error: KafkaError, partition: int | None) -> None:
        """Stop on an error that the client doesn't recover from by itself."""
        if error.retriable():
            return
        stop_if_topics_changed()
        topic = self._where.topic
        where = topic if partition is None else f"{topic}, partition {partition}"
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            stop_process(
                f"{where}: the next offset to read is no longer in the log: retention deleted it "
                "before it was processed, or the topic was recreated or truncated; to go on "
                "without the lost records, start with a new "
                "KAFKA_GROUP_ID and a new recovery folder"
            )
        stop_process(f"{where}: reading failed: {error.str()}{denied(error)}")

    def _batch(self, records: list[ConsumedRecord]) -> RecordBatch:
        offsets = _offsets(records)
        if offsets:
            self._state["next_offset"] = offsets[-1] + 1
        gap, self._gap = self._gap, False
        observe.batch_read(len(records))
        return RecordBatch(
            topic=self._where.topic,
            partition=self._where.partition,
            start=self._state["start"],
            next_offset=self._next_offset(),
            offsets=offsets,
            timestamps=_timestamps(records),
            values=[record.value() for record in records],
            origins=records,
            coverage=self._coverage.report(records=bool(records)),
            gap=gap,
        )

    def _skipped_batch(self, skipped: SkippedBatch) -> RecordBatch:
        """Return a batch whose only record stands for an unreadable batch, as a dead letter."""
        batch = skipped.batch
        self._state["next_offset"] = batch.last + 1
        return RecordBatch(
            topic=self._where.topic,
            partition=self._where.partition,
            start=self._state["start"],
            next_offset=batch.last + 1,
            offsets=[batch.first],
            timestamps=[batch.timestamp],
            values=[batch.content],
            origins=[batch],
            coverage=self._coverage.report(records=True),
            unreadable=skipped.detail,
        )

    def _next_offset(self) -> int:
        """Return the offset after the last record that was emitted."""
        return self._state["next_offset"] or self._begin

    def _position(self) -> int:
        """Return the next offset to read, past transaction markers, which aren't returned."""
        return max(self._consumer.position(self._where.partition), self._begin)

    def _note_position(self) -> None:
        """Report how far was read; records after a STOP_AT_END run's end were not emitted."""
        partition = self._where.partition
        position = self._end.clamp(partition, self._position())
        self._group_offsets.read_to(partition, self._next_offset(), position)

    def _check_lag(self) -> None:
        """Compare the position, now and then, with the last end that the client knows."""
        now = time.monotonic()
        if now < self._lag_due_at:
            return
        self._lag_due_at = now + LAG_SECONDS
        if self._stall.look(self._position()):
            log.warning(
                "no records received although the partition has more: its log may be damaged at "
                "this offset (docs/troubleshooting.md, A batch can't be read)",
                partition=self._where.partition,
                offset=self._position(),
            )
        _, end = self._consumer.client.get_watermark_offsets(self._where, cached=True)
        if end >= 0:  # negative before the first answer
            observe.lag(self._where.partition, end - self._position())


def _cut(records: list[ConsumedRecord], most: int) -> list[list[ConsumedRecord]]:
    """Split records into lists of this length; a single empty one if there are none."""
    return [records[first : first + most] for first in range(0, max(1, len(records)), most)]


def _offsets(records: list[ConsumedRecord]) -> Sequence[int]:
    """Return each record's offset; as a range where there are no gaps."""
    if not records:
        return []
    first, last = records[0].offset(), records[-1].offset()
    if last - first + 1 == len(records):
        return range(first, last + 1)
    return [record.offset() for record in records]


def _timestamps(records: list[ConsumedRecord]) -> list[int]:
    """Return each record's timestamp in ms, as it was set; NO_TIMESTAMP where it has none."""
    stamps = [record.timestamp() for record in records]
    return [NO_TIMESTAMP if kind == TIMESTAMP_NOT_AVAILABLE else at for kind, at in stamps]
