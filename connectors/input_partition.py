"""One input partition: polled for batches, compared with its end, ended in time."""

import time
from collections.abc import Sequence
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
from connectors.group_offsets import GroupOffsets
from connectors.hanging import LogEnd
from connectors.partition_ends import PartitionEnds
from connectors.records import ConsumedRecord, RecordBatch
from connectors.refusals import denied
from connectors.resume import Position, SourceState
from connectors.stall import StallWatch
from connectors.stopping import (
    LEFT_UNREAD_STATUS,
    end_with_status,
    stand_still_at_the_end,
    stop_process,
)
from connectors.topic_watch import blame_changed_topics
from connectors.turns import Turns
from connectors.unreadable import SkippedBatch, UnreadableBatches, is_unreadable
from connectors.worker_consumer import WorkerConsumer
from monitoring import observe
from monitoring.health import HEALTH
from settings import Settings

__all__ = ["End", "InputPartition"]

log = structlog.get_logger()

NO_TIMESTAMP = -1  # as Kafka's own clients show it
LAG_SECONDS = 5.0  # between two looks, which cost as much as a poll


class End:
    """Where partitions end with STOP_AT_END, and when: together, so that idleness still counts.

    A partition that has come to its end goes on being watched until all partitions of its process
    have; else one that ends early would hold every window open until the last one ends.
    """

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        self._held_back: dict[int, LogEnd] = {}
        self._reading: set[int] = set()

    def put(self, partition: int, end: LogEnd) -> None:
        """Set where a partition ends: at the end of what is committed."""
        self._ends[partition] = end.committed
        self._reading.add(partition)
        if end.held_back:
            self._held_back[partition] = end

    def before(self, partition: int, offset: int) -> bool:
        """Tell whether a record still belongs to the run."""
        return offset < self._ends.get(partition, offset + 1)

    def at_most(self, partition: int, offset: int) -> int:
        """Return an offset, or the partition's end if that comes first."""
        return min(offset, self._ends.get(partition, offset))

    def reached(self, partition: int, position: int) -> bool:
        """Note how far a partition was read; True when it and all others are at their ends."""
        if partition not in self._ends:
            return False
        if position >= self._ends[partition]:
            self._reading.discard(partition)
        return not self._reading

    def tell_what_is_left(self, topic: str) -> None:
        """Log, once, what open transactions leave unread, and end with a status."""
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


class InputPartition(StatefulSourcePartition[RecordBatch, SourceState]):
    """Polls one partition, and remembers where it is.

    Args:
        consumer: shared by the partitions of the worker; it has begun with this one.
        where: topic and partition.
        position: where reading begins.
        state: what a snapshot holds so far.
        settings: the process's settings.
        ends: asks where partitions end now; shared by those of the worker.
        end: where to end, if anywhere; shared by the partitions of the process.
        turns: when to poll; shared, too.
        draining: ends the partition when set.
        group_offsets: gets the offset up to which input was read.
    """

    def __init__(
        self,
        consumer: WorkerConsumer,
        where: TopicPartition,
        position: Position,
        state: SourceState,
        settings: Settings,
        ends: PartitionEnds,
        end: End,
        turns: Turns,
        draining: Event,
        group_offsets: GroupOffsets,
    ) -> None:
        self._consumer = consumer
        self._where = where
        self._begin = position.offset
        self._gap = position.gap
        self._state = state
        self._batch_size = settings.batch_size
        self._interval = timedelta(milliseconds=settings.batch_interval_ms)
        self._coverage = CoverageWatch(
            lambda: ends.of(where.partition),
            settings.idle_partition_seconds,
            self._interval.total_seconds(),
            time.monotonic,
        )
        self._ends = ends
        self._end = end
        self._turns = turns
        self._draining = draining
        self._group_offsets = group_offsets
        self._stall = StallWatch(lambda: ends.of(where.partition), time.monotonic)
        self._unreadable = UnreadableBatches(consumer, where, settings)
        self._skipped: SkippedBatch | None = None
        self._next_awake: datetime | None = None
        self._next_look = time.monotonic()
        HEALTH.assigned(where.partition)

    def next_batch(self) -> list[RecordBatch]:
        """Return what has come since the last poll, in batches.

        Raises:
            StopIteration: when the flow drains, or at the end that was set.
        """
        stand_still_at_the_end()
        if self._draining.is_set():
            self._note_position()
            raise StopIteration
        HEALTH.polled(self._where.partition)
        if not self._turns.may_poll(self._where.partition):
            self._next_awake = datetime.now(UTC)  # None would mean in a while, after no records
            return []
        self._coverage.look(self._position)  # before: what is polled now may become several batches
        records = self._poll()
        self._look_at_lag()
        batches: list[RecordBatch] = []
        if records or self._gap:
            # A gap has to be known at once: an end, or idleness, must not come before it.
            batches = [self._batch(some) for some in _cut(records, self._batch_size)]
        if self._skipped is not None:
            batches.append(self._skipped_batch(self._skipped))
            self._skipped = None
        if batches:
            return batches
        self._note_position()
        if self._end.reached(self._where.partition, self._position()):
            self._end.tell_what_is_left(self._where.topic)
            raise StopIteration
        return [self._batch([])] if self._coverage.has_news() else []

    def next_awake(self) -> datetime | None:
        """Return when to poll again: at once if more is there, or it had no turn, else later."""
        return self._next_awake

    def snapshot(self) -> SourceState:
        """Return where reading goes on: behind the last record handed on, if there was one."""
        return self._state.copy()

    def close(self) -> None:
        """End reading."""
        self._ends.close()
        self._consumer.end(self._where.partition)
        HEALTH.ended()

    def _poll(self) -> list[ConsumedRecord]:
        """Return what has come since the last poll, and note when to poll again."""
        partition = self._where.partition
        polled = self._consumer.take(partition, max(self._turns.left, self._batch_size))
        more = self._consumer.has_more(partition)
        self._next_awake = None if more else datetime.now(UTC) + self._interval
        records = self._records(polled)
        self._turns.handed_on(len(records))
        return records

    def _records(self, polled: list[Message]) -> list[ConsumedRecord]:
        """Leave out the client's errors, and what lies behind the end that was set."""
        if [message for message in polled if message.error() is not None]:  # faster than any()
            polled = self._without_errors(polled)
        records = cast("list[ConsumedRecord]", polled)
        partition = self._where.partition
        if not records or self._end.before(partition, records[-1].offset()):
            return records
        return [record for record in records if self._end.before(partition, record.offset())]

    def _without_errors(self, polled: list[Message]) -> list[Message]:
        """Return the records before the first unreadable batch, if there is one."""
        records: list[Message] = []
        for message in polled:
            error = message.error()
            if error is None:
                records.append(message)
            elif is_unreadable(message):
                self._meet_unreadable(error, message.offset() or 0, records)
                break  # what follows it comes again, or isn't wanted
            elif self._consumer.is_elsewhere(message):
                # If it belongs here after all, the client reports it again, for the next offset.
                self._consumer.go_on_at(self._where.partition, self._position())
            else:
                self._judge(error, message.partition())
        return records

    def _meet_unreadable(self, error: KafkaError, offset: int, before: list[Message]) -> None:
        partition = self._where.partition
        if not self._end.before(partition, offset):
            self._consumer.pause(partition)
            return
        read_to = (before[-1].offset() or 0) + 1 if before else self._next_offset()
        offset = max(offset, read_to)
        self._skipped = self._unreadable.pass_over(
            error, offset, before_is_written=self._is_written(read_to)
        )
        if self._skipped is not None:
            self._next_awake = None  # there may be more after it

    def _is_written(self, offset: int) -> bool:
        """Tell whether all that this run has read before an offset is written."""
        return offset <= self._begin or self._group_offsets.is_written(
            self._where.partition, offset
        )

    def _judge(self, error: KafkaError, partition: int | None) -> None:
        """Stop on an error that reading can't get over; the client deals with the others."""
        if error.retriable():
            return
        blame_changed_topics()
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
            coverage=self._coverage.hand_on(records=bool(records)),
            gap=gap,
        )

    def _skipped_batch(self, skipped: SkippedBatch) -> RecordBatch:
        """Return what becomes a dead letter in place of an unreadable batch."""
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
            coverage=self._coverage.hand_on(records=True),
            unreadable=skipped.detail,
        )

    def _next_offset(self) -> int:
        """Return the offset after the last record that was handed on."""
        return self._state["next_offset"] or self._begin

    def _position(self) -> int:
        """Return the offset that reading has come to; transaction markers count, though unseen."""
        return max(self._consumer.position(self._where.partition), self._begin)

    def _note_position(self) -> None:
        """Report how far was read. Records past the end that was set were not handed on."""
        partition = self._where.partition
        position = self._end.at_most(partition, self._position())
        self._group_offsets.read_to(partition, self._next_offset(), position)

    def _look_at_lag(self) -> None:
        """Compare, now and then, the position with the end that the client last heard of."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LAG_SECONDS
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
    """Return records in lists of so many; one that is empty where there are none."""
    return [records[first : first + most] for first in range(0, max(1, len(records)), most)]


def _offsets(records: list[ConsumedRecord]) -> Sequence[int]:
    """Return each record's offset; where none is left out, ends are enough to know them."""
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
