"""A Bytewax source that hands on one batch of records per poll of a Kafka partition."""

import time
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from typing import cast

import structlog
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from connectors.client_log import client_options
from connectors.connection import Connection
from connectors.progress import ProgressReader
from connectors.records import ConsumedRecord, RecordBatch
from connectors.resume import (
    STATE_VERSION,
    Position,
    SourceState,
    StateDoesNotFitError,
    resume_position,
)
from connectors.stopping import stop_process
from connectors.topics import FlowTopics, partition_names
from settings import Settings

__all__ = ["KafkaBatchSource"]

log = structlog.get_logger()

# What all partitions of a process together may hold of records not yet polled; the client's own
# default, 64 MB a partition, would make memory grow with the number of partitions.
READ_AHEAD_KBYTES = 65_536
LEAST_READ_AHEAD_KBYTES = 1_024  # a partition needs room for a record of Kafka's usual size limit
REQUEST_SECONDS = 5.0


class KafkaBatchSource(FixedPartitionedSource[RecordBatch, SourceState]):
    """Reads a topic's committed records from where state and progress say.

    Args:
        settings: the process's settings.
        topics: the flow's topics, as found at start.
        draining: ends every partition when set.
    """

    def __init__(self, settings: Settings, topics: FlowTopics, draining: Event) -> None:
        self._settings = settings
        self._topics = topics
        self._draining = draining
        self._connection = Connection(settings)
        self._progress = ProgressReader(self._connection, topics)
        self._replay = _ReplayNotice()

    def list_parts(self) -> list[str]:
        """Return a name for each input partition."""
        return partition_names(self._topics.partitions)

    def build_part(
        self, _step_id: str, for_part: str, resume_state: SourceState | None
    ) -> "_Partition":
        """Find where to begin and start reading there."""
        where = TopicPartition(self._topics.input, int(for_part))
        consumer = self._consumer()
        log_start, end = self._bounds(consumer, where)
        try:
            position = resume_position(
                resume_state,
                self._progress.last(where.partition),
                log_start,
                self._topics.input_id,
                self._settings.on_missing_state,
            )
        except StateDoesNotFitError as error:
            stop_process(f"{where.topic}, partition {where.partition}: {error}")
        self._replay.add(position)
        consumer.assign([TopicPartition(where.topic, where.partition, position.offset)])
        state: SourceState = {
            "version": STATE_VERSION,
            "topic_id": self._topics.input_id,
            "start": position.start,
            "next_offset": resume_state["next_offset"] if resume_state else None,
        }
        pace = _Pace(self._settings, position.offset, end)
        return _Partition(consumer, where, state, pace, self._draining, self._replay)

    def _consumer(self) -> Consumer:
        read_ahead = max(LEAST_READ_AHEAD_KBYTES, READ_AHEAD_KBYTES // self._topics.partitions)
        return Consumer(
            {
                **self._connection.librdkafka(),
                "group.id": self._settings.kafka_group_id,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                # An offset that is gone has to stop the flow: never a silent jump to either end.
                "auto.offset.reset": "error",
                "queued.max.messages.kbytes": read_ahead,
                # The default, a second of rest once the read-ahead is full, starves a fast flow.
                "fetch.queue.backoff.ms": 20,
                "reconnect.backoff.max.ms": 2_000,
            },
            **client_options(self._connection.servers),
        )

    def _bounds(self, consumer: Consumer, where: TopicPartition) -> tuple[int, int]:
        """Return the log's first offset and the end of what is committed in it now."""
        deadline = time.monotonic() + max(self._settings.broker_wait_seconds, REQUEST_SECONDS)
        while True:
            try:
                low, end = consumer.get_watermark_offsets(where, timeout=REQUEST_SECONDS)
            except KafkaException as error:
                if time.monotonic() > deadline:
                    stop_process(f"can't read {where.topic}, partition {where.partition}: {error}")
            else:
                return low, end


class _ReplayNotice:
    """Says once, for all partitions of the process, how much is read again for lack of state."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records = 0

    def add(self, position: Position) -> None:
        with self._lock:
            self._records += position.read_again

    def say(self) -> None:
        with self._lock:
            records, self._records = self._records, 0
        if records:
            log.warning(
                "no saved state: reading again to rebuild it; outputs are not written again; "
                "run with -r DIR to avoid this",
                records=records,
            )


class _Pace:
    """When to poll a partition, how much at once, and where to end.

    Args:
        settings: the process's settings.
        begin: the first offset to read.
        end: the end of the committed log as seen at start.
    """

    def __init__(self, settings: Settings, begin: int, end: int) -> None:
        self.batch_size = settings.batch_size
        self.interval = timedelta(milliseconds=settings.batch_interval_ms)
        self.begin = begin
        self.end = end if settings.stop_at_end else None

    def before_end(self, offset: int) -> bool:
        """Tell whether a record still belongs to the run."""
        return self.end is None or offset < self.end

    def at_end(self, position: int) -> bool:
        """Tell whether reading has come to the end that was set, if one was."""
        return self.end is not None and max(position, self.begin) >= self.end


class _Partition(StatefulSourcePartition[RecordBatch, SourceState]):
    """One input partition: polls, and remembers where it is."""

    def __init__(
        self,
        consumer: Consumer,
        where: TopicPartition,
        state: SourceState,
        pace: _Pace,
        draining: Event,
        replay: _ReplayNotice,
    ) -> None:
        self._consumer = consumer
        self._where = where
        self._state = state
        self._pace = pace
        self._draining = draining
        self._replay = replay
        self._next_awake: datetime | None = None

    def next_batch(self) -> list[RecordBatch]:
        """Return what has come since the last poll as one batch, or nothing.

        Raises:
            StopIteration: when the flow drains, or at the end that was set.
        """
        if self._draining.is_set():
            raise StopIteration
        self._replay.say()
        polled = self._consumer.consume(self._pace.batch_size, 0)
        full = len(polled) == self._pace.batch_size
        self._next_awake = None if full else datetime.now(UTC) + self._pace.interval
        if messages := self._records(polled):
            return [self._batch(messages)]
        if self._pace.at_end(self._consumer.position([self._where])[0].offset):
            raise StopIteration
        return []

    def next_awake(self) -> datetime | None:
        """Return when to poll again: at once after a full batch, else after the interval."""
        return self._next_awake

    def snapshot(self) -> SourceState:
        """Return where reading goes on: behind the last record handed on, if there was one."""
        return self._state.copy()

    def close(self) -> None:
        """End the consumer."""
        self._consumer.close()

    def _records(self, polled: list[Message]) -> list[ConsumedRecord]:
        """Leave out the client's errors, and what lies behind the end that was set."""
        errors = [error for message in polled if (error := message.error()) is not None]
        for error in errors:
            self._judge(error)
        if errors:
            polled = [message for message in polled if message.error() is None]
        records = cast("list[ConsumedRecord]", polled)
        if self._pace.end is None:
            return records
        return [record for record in records if self._pace.before_end(record.offset())]

    def _judge(self, error: KafkaError) -> None:
        """Stop on an error that reading can't get over; the client deals with the others."""
        where = f"{self._where.topic}, partition {self._where.partition}"
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            stop_process(
                f"{where}: the next offset to read is no longer in the log: retention deleted it "
                "before it was processed; to go on without the lost records, start with a new "
                "KAFKA_GROUP_ID and a new recovery folder"
            )
        if not error.retriable():
            stop_process(f"{where}: reading failed: {error.str()}")

    def _batch(self, records: list[ConsumedRecord]) -> RecordBatch:
        offsets = [record.offset() for record in records]
        next_offset = offsets[-1] + 1
        self._state["next_offset"] = next_offset
        return RecordBatch(
            topic=self._where.topic,
            partition=self._where.partition,
            start=self._state["start"],
            next_offset=next_offset,
            offsets=offsets,
            timestamps=_timestamps(records),
            values=[record.value() for record in records],
            origins=records,
        )


def _timestamps(records: list[ConsumedRecord]) -> list[int]:
    """Return each record's timestamp in ms; the time of reading where it has none."""
    now = int(time.time() * 1000)
    stamps = [record.timestamp() for record in records]
    return [now if kind == TIMESTAMP_NOT_AVAILABLE else at for kind, at in stamps]
