"""A Bytewax sink that writes each batch to Kafka once: outputs, dead letters and progress."""

import time
from dataclasses import replace
from typing import Any, TypedDict

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import KafkaException, Producer

from connectors.client_log import client_options
from connectors.connection import Connection
from connectors.group_offsets import GroupOffsets
from connectors.progress import ProgressReader
from connectors.records import OutputBatch
from connectors.stopping import stop_process
from connectors.topics import FlowTopics, partition_names
from connectors.writers import AcknowledgedWriter, TransactionalWriter, Writer, retriable
from settings import Settings

__all__ = ["TransactionalKafkaSink", "unwritten"]

STATE_VERSION = 1
# A broker away for less than this needs no restart; after it the broker ends the transaction.
TRANSACTION_TIMEOUT_SECONDS = 60
ATTEMPT_SECONDS = 5.0  # one try of a request that is tried again
LARGEST_BATCH = 1_000_000  # bytes; the client's default
LINGER_MS = 100  # a batch is complete when it is flushed: until then, gather


class SinkState(TypedDict):
    """What the recovery store keeps of an output partition; the progress topic is the truth."""

    version: int
    next_offset: int


class TransactionalKafkaSink(FixedPartitionedSink[OutputBatch, SinkState]):
    """Writes a partition's batches one by one, and leaves out what is written already.

    With exactly-once delivery a batch is a transaction that also holds its progress record. With
    at-least-once delivery the progress record follows once every output is acknowledged.

    Args:
        settings: the process's settings.
        topics: the flow's topics, as found at start.
    """

    def __init__(self, settings: Settings, topics: FlowTopics) -> None:
        self._settings = settings
        self._topics = topics
        self._connection = Connection(settings)
        self._progress = ProgressReader(self._connection, topics)
        self._group_offsets = GroupOffsets(self._connection, settings.kafka_group_id, topics.input)

    def list_parts(self) -> list[str]:
        """Return a name for each input partition: the sink has as many."""
        return partition_names(self._topics.partitions)

    def part_fn(self, item_key: str) -> int:
        """Return the partition whose name the key is."""
        return int(item_key)

    def build_part(
        self, _step_id: str, for_part: str, _resume_state: SinkState | None
    ) -> "_Partition":
        """Fence whoever wrote this partition before, then read how far that one came."""
        partition = int(for_part)
        writer: Writer
        if self._settings.delivery_guarantee == "exactly_once":
            producer = self._producer(
                {
                    "transactional.id": self._transactional_id(partition),
                    "transaction.timeout.ms": TRANSACTION_TIMEOUT_SECONDS * 1000,
                }
            )
            self._fence(producer, partition)
            writer = TransactionalWriter(producer, self._topics, partition)
        else:
            producer = self._producer({"enable.idempotence": True, "message.timeout.ms": 0})
            writer = AcknowledgedWriter(producer, self._topics, partition)
        progress = self._progress.last(partition)
        written = progress.offset if progress else 0
        return _Partition(writer, partition, written, self._group_offsets)

    def _transactional_id(self, partition: int) -> str:
        return f"{self._settings.kafka_group_id}-{self._topics.input}-{partition}"

    def _producer(self, guarantee: dict[str, Any]) -> Producer:
        topics = self._topics
        return Producer(
            {
                **self._connection.librdkafka(),
                **guarantee,
                "partitioner": "murmur2_random",
                "compression.type": "lz4",
                "linger.ms": LINGER_MS,
                "message.max.bytes": max(topics.largest_output, topics.largest_dead_letter),
                "batch.size": min(LARGEST_BATCH, topics.largest_output, topics.largest_dead_letter),
                "queue.buffering.max.messages": 0,  # no limit: a batch bounds what is queued
                "delivery.report.only.error": True,
                "reconnect.backoff.max.ms": 2_000,
            },
            **client_options(self._connection.servers),
        )

    def _fence(self, producer: Producer, partition: int) -> None:
        """End what a former producer of this partition left open; it can write no more."""
        deadline = time.monotonic() + max(self._settings.broker_wait_seconds, ATTEMPT_SECONDS)
        while True:
            try:
                return producer.init_transactions(ATTEMPT_SECONDS)
            except KafkaException as error:
                if not retriable(error) or time.monotonic() > deadline:
                    stop_process(f"partition {partition}: can't begin transactions: {error}")


class _Partition(StatefulSinkPartition[OutputBatch, SinkState]):
    """The outputs of one input partition."""

    def __init__(
        self, writer: Writer, partition: int, written: int, group_offsets: GroupOffsets
    ) -> None:
        self._writer = writer
        self._partition = partition
        self._written = written
        self._group_offsets = group_offsets

    def write_batch(self, values: list[OutputBatch]) -> None:
        """Write what isn't written yet; the last one goes on in the background."""
        for batch in values:
            if batch.next_offset > self._written:
                self._writer.write(unwritten(batch, self._written))
                self._written = batch.next_offset

    def snapshot(self) -> SinkState:
        """Wait for what is under way: only what is committed may enter a snapshot."""
        self._writer.wait()
        self._group_offsets.commit(self._partition, self._written)
        return {"version": STATE_VERSION, "next_offset": self._written}

    def close(self) -> None:
        """Wait for what is under way, and tell lag tools how far it went."""
        self._writer.wait()
        self._group_offsets.commit(self._partition, self._written, last=True)


def unwritten(batch: OutputBatch, written: int) -> OutputBatch:
    """Return the part of a batch that comes from the input offset `written` on."""
    if not batch.offsets or batch.offsets[0] >= written:
        offsets, records = batch.offsets, batch.records
    else:
        first = next((i for i, at in enumerate(batch.offsets) if at >= written), len(batch.offsets))
        offsets, records = batch.offsets[first:], batch.records[first:]
    letters = [letter for letter in batch.dead_letters if letter.offset >= written]
    return replace(batch, offsets=offsets, records=records, dead_letters=letters)
