"""A Bytewax source that hands on one batch of records per poll of a Kafka partition."""

import time
from threading import Event

import structlog
from bytewax.inputs import FixedPartitionedSource
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.client_log import SERVE_SECONDS, client_options
from connectors.connection import Connection
from connectors.input_partition import End, InputPartition
from connectors.progress import ProgressReader
from connectors.records import RecordBatch
from connectors.refusals import denied
from connectors.resume import (
    STATE_VERSION,
    Position,
    SourceState,
    StateDoesNotFitError,
    resume_position,
)
from connectors.stopping import stop_process
from connectors.topics import FlowTopics, partition_names
from connectors.turns import Turns
from settings import Settings

__all__ = ["KafkaBatchSource"]

log = structlog.get_logger()

# What all partitions of a process together may hold of records not yet polled; the client's own
# default, 64 MB a partition, would make memory grow with the number of partitions.
READ_AHEAD_KBYTES = 16_384
LEAST_READ_AHEAD_KBYTES = 256  # of a partition: about a batch
# What a partition fetches at most in one go: some 5,000 logins, compressed. A larger record comes
# all the same.
MOST_FETCHED_KBYTES = 384
BATCHES_AT_A_TIME = 4  # of a worker: what it has with four partitions, as in most measurements
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
        self._end = End()
        self._turns = Turns(BATCHES_AT_A_TIME * settings.batch_size)

    def list_parts(self) -> list[str]:
        """Return a name for each input partition."""
        return partition_names(self._topics.partitions)

    def build_part(
        self, _step_id: str, for_part: str, resume_state: SourceState | None
    ) -> InputPartition:
        """Find where to begin and start reading there."""
        where = TopicPartition(self._topics.input, int(for_part))
        consumer = self._consumer()
        log_start, end = self._bounds(consumer, where)
        position = self._resume(where, resume_state, log_start)
        consumer.assign([TopicPartition(where.topic, where.partition, position.offset)])
        if self._settings.stop_at_end:
            self._end.put(where.partition, end)
        state: SourceState = {
            "version": STATE_VERSION,
            "topic_id": self._topics.input_id,
            "start": position.start,
            "next_offset": resume_state["next_offset"] if resume_state else None,
        }
        return InputPartition(
            consumer,
            where,
            position,
            state,
            self._settings,
            self._end,
            self._turns,
            self._draining,
        )

    def _resume(
        self, where: TopicPartition, snapshot: SourceState | None, log_start: int
    ) -> Position:
        """Decide where to begin, and say so where that isn't what one would expect."""
        try:
            position = resume_position(
                snapshot,
                self._progress.last(where.partition),
                log_start,
                self._topics.input_id,
                self._settings.on_missing_state,
            )
        except StateDoesNotFitError as error:
            stop_process(f"{where.topic}, partition {where.partition}: {error}")
        if position.read_again:
            log.warning(
                "no saved state: reading again to rebuild it; outputs are not written again; "
                "run with -r DIR to avoid this",
                partition=where.partition,
                records=position.read_again,
            )
        return position

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
                "fetch.message.max.bytes": min(MOST_FETCHED_KBYTES, read_ahead) * 1024,
                "queued.max.messages.kbytes": read_ahead,
                # The default, a second of rest once the read-ahead is full, starves a fast flow.
                "fetch.queue.backoff.ms": 20,
                # A broker answers a connection in order: behind an empty fetch of half a second,
                # the default, the question where a partition ends times out, and none becomes idle.
                "fetch.wait.max.ms": 100,
                "reconnect.backoff.max.ms": 2_000,
            },
            **client_options(self._connection),
        )

    def _bounds(self, consumer: Consumer, where: TopicPartition) -> tuple[int, int]:
        """Return the log's first offset and the end of what is committed in it now."""
        deadline = time.monotonic() + max(self._settings.broker_wait_seconds, REQUEST_SECONDS)
        while True:
            try:
                low, end = consumer.get_watermark_offsets(where, timeout=REQUEST_SECONDS)
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                if denied(cause) or time.monotonic() > deadline:
                    stop_process(
                        f"can't read {where.topic}, partition {where.partition}: "
                        f"{cause.str()}{denied(cause)}"
                    )
                consumer.poll(SERVE_SECONDS)
            else:
                return low, end
