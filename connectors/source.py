"""A Bytewax source that emits the records of Kafka partitions in batches."""

import time
from functools import cached_property
from threading import Event, local

import structlog
from bytewax.inputs import FixedPartitionedSource
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.client_log import SERVE_SECONDS, client_options
from connectors.clients import RECONNECTING, open_admin, open_consumer
from connectors.connection import Connection
from connectors.coverage import request_interval
from connectors.fair_polling import FairPolling
from connectors.group_offsets import GroupOffsets
from connectors.hanging import LogEnd, log_ends
from connectors.input_partition import EndOffsets, InputPartition, SharedReading
from connectors.partition_ends import PartitionEnds
from connectors.progress import ProgressReader
from connectors.refusals import denied
from connectors.resume import (
    STATE_VERSION,
    IncompatibleStateError,
    Position,
    SourceState,
    resume_position,
)
from connectors.stopping import stop_process
from connectors.topics import FlowTopics, partition_names
from connectors.worker_consumer import WorkerConsumer
from records import RecordBatch
from settings import Settings

__all__ = ["KafkaBatchSource"]

log = structlog.get_logger()

# What a worker's client buffers of records not yet polled, however many partitions it has: once
# either limit is reached, it fetches nothing more.
READ_AHEAD_KBYTES = 16_384
READ_AHEAD_FACTOR = 2  # times as many records as a worker processes at a time
# The most that one fetch returns, compressed; a single larger record is still returned.
FETCH_KBYTES = 2_048
PARTITION_FETCH_KBYTES = 1_024
# How many batches a worker processes at a time. With a backlog, all of them are of one partition,
# and are written together: a transaction costs one request per output partition, however small it
# is.
BATCHES_AT_A_TIME = 4
REQUEST_SECONDS = 5.0


class _Worker(local):
    """What each worker of a process has of its own."""

    consumer: WorkerConsumer | None = None
    ends: PartitionEnds | None = None


class KafkaBatchSource(FixedPartitionedSource[RecordBatch, SourceState]):
    """Reads a topic's committed records, from the position that state and progress give.

    Args:
        settings: the process's settings.
        topics: the flow's topics, as found at start.
        draining: ends every partition when set.
        group_offsets: shared with the sink; gets the offset up to which input was read.
    """

    def __init__(
        self,
        settings: Settings,
        topics: FlowTopics,
        draining: Event,
        group_offsets: GroupOffsets,
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._draining = draining
        self._group_offsets = group_offsets
        self._connection = Connection(settings)
        self._progress = ProgressReader(self._connection, topics)
        self._end = EndOffsets()
        self._at_a_time = BATCHES_AT_A_TIME * settings.batch_size
        self._polling = FairPolling(self._at_a_time)
        self._workers = _Worker()

    def list_parts(self) -> list[str]:
        """Return a name for each input partition."""
        return partition_names(self._topics.partitions)

    def build_part(
        self, _step_id: str, for_part: str, resume_state: SourceState | None
    ) -> InputPartition:
        """Find where to begin and start reading there."""
        where = TopicPartition(self._topics.input, int(for_part))
        consumer = self._workers.consumer or self._open_consumer()
        log_start = self._log_start(consumer.client, where)
        position = self._resume(where, resume_state, log_start)
        consumer.begin(where.partition, position.offset)
        if self._settings.stop_at_end:
            self._end.set(where.partition, self._ends[where])
        state: SourceState = {
            "version": STATE_VERSION,
            "topic_id": self._topics.input_id,
            "start": position.start,
            "next_offset": resume_state["next_offset"] if resume_state else None,
            "group": self._settings.kafka_group_id,
        }
        shared = SharedReading(
            consumer,
            self._workers.ends or self._open_ends(),
            self._end,
            self._polling,
            self._draining,
            self._group_offsets,
        )
        return InputPartition(where, position, state, self._settings, shared)

    @cached_property
    def _ends(self) -> dict[TopicPartition, LogEnd]:
        """Where all partitions ended when the first one was asked for."""
        numbers = range(self._topics.partitions)
        places = [TopicPartition(self._topics.input, number) for number in numbers]
        return log_ends(places, self._connection)

    def _resume(
        self, where: TopicPartition, snapshot: SourceState | None, log_start: int
    ) -> Position:
        """Decide where to begin, and log it where that may be unexpected."""
        try:
            position = resume_position(
                snapshot,
                self._progress.last(where.partition),
                log_start,
                self._topics.input_id,
                self._settings.on_missing_state,
                self._settings.kafka_group_id,
                repeats_allowed=self._settings.delivery_guarantee == "at_least_once",
            )
        except IncompatibleStateError as error:
            stop_process(f"{where.topic}, partition {where.partition}: {error}")
        if position.read_again:
            log.warning(
                "no saved state: reading again to rebuild it; outputs are not written again; "
                "run with -r DIR to avoid this",
                partition=where.partition,
                records=position.read_again,
            )
        if position.progress_behind:
            log.warning(
                "the last progress record is older than the saved state; a suspended process may "
                "have written it late: resuming from the saved state; nothing is lost",
                partition=where.partition,
                offsets=position.progress_behind,
            )
        return position

    def _open_consumer(self) -> WorkerConsumer:
        client = open_consumer(
            self._connection,
            {
                "group.id": self._settings.kafka_group_id,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                # A missing offset must stop the flow: never jump silently to either end.
                "auto.offset.reset": "error",
                "fetch.message.max.bytes": PARTITION_FETCH_KBYTES * 1024,
                "fetch.max.bytes": FETCH_KBYTES * 1024,
                "queued.max.messages.kbytes": READ_AHEAD_KBYTES,
                # Read no further ahead of a partition with a backlog: others have to wait for it.
                "queued.min.messages": READ_AHEAD_FACTOR * self._at_a_time,
                # The default, a pause of a second once the buffer is full, starves a fast flow.
                "fetch.queue.backoff.ms": 20,
                **RECONNECTING,
                # Otherwise the client returns damaged records as they are, or stalls.
                "check.crcs": True,
            },
            **client_options(self._connection),
        )
        self._workers.consumer = WorkerConsumer(client, self._topics.input, self._at_a_time)
        return self._workers.consumer

    def _open_ends(self) -> PartitionEnds:
        self._workers.ends = PartitionEnds(
            lambda: open_admin(self._connection, RECONNECTING, **client_options(self._connection)),
            self._topics.input,
            request_interval(self._settings.idle_partition_seconds),
            time.monotonic,
        )
        return self._workers.ends

    def _log_start(self, consumer: Consumer, where: TopicPartition) -> int:
        """Return the log's first offset."""
        deadline = time.monotonic() + max(self._settings.broker_wait_seconds, REQUEST_SECONDS)
        while True:
            try:
                low, _ = consumer.get_watermark_offsets(where, timeout=REQUEST_SECONDS)
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                if denied(cause) or time.monotonic() > deadline:
                    stop_process(
                        f"can't read {where.topic}, partition {where.partition}: "
                        f"{cause.str()}{denied(cause)}"
                    )
                consumer.poll(SERVE_SECONDS)  # nothing is assigned yet: it returns no record
            else:
                return low
