"""A batch as stored in the log: which offsets it has, whether or not it can be decompressed.

Its header, which isn't compressed, says so (https://kafka.apache.org/documentation/#recordbatch).
For a batch that it can't read, librdkafka gives only the first offset, so kafka-python fetches it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition
from kafka.errors import LeaderNotAvailableError, for_code
from kafka.net.compat import KafkaNetClient
from kafka.protocol.consumer import FetchRequest
from kafka.record import MemoryRecords

from connectors.connection import Connection
from records import Headers

__all__ = ["BatchHeaderError", "StoredBatch", "fetch_batch", "read_batch"]

REQUEST_MS = 5_000
# The largest answer that the client accepts: a batch may be as large as the topic's limit.
LARGEST_ANSWER = 2**31 - 1
# Enough for a batch of 1 MB, Kafka's default limit, and the header of the next one. A larger batch
# is returned whole, but alone.
FETCHED_BYTES = 2 * 1024 * 1024
READ_COMMITTED = 1
LAST_WITH_NAMES = 12  # last version of the request with topic names; later ones use ids
FIRST_WITH_ISOLATION = 4
OLDEST_FORMAT = 2  # since Kafka 0.11; older headers don't have both offsets
OFFSET_BYTES = 8


class BatchHeaderError(Exception):
    """A batch's header doesn't show which offsets it has; the text says why."""


@dataclass(frozen=True)
class StoredBatch:
    """A batch as stored in the log.

    Attributes:
        first: its first offset, or the requested one, if that is later.
        last: its last offset.
        timestamp: of its newest record, in ms since the epoch.
        content: all of it, the header included.
        aborted: it belongs to a transaction that was aborted.
    """

    first: int
    last: int
    timestamp: int
    content: bytes
    aborted: bool

    def key(self) -> bytes | None:
        """Return None: the keys are in the unreadable part."""

    def headers(self) -> Headers:
        """Return none, for the same reason."""
        return []


def fetch_batch(connection: Connection, where: TopicPartition, offset: int) -> StoredBatch:
    """Return the batch that an offset belongs to, without decompressing it.

    Args:
        connection: to the brokers.
        where: topic and partition.
        offset: any one of the batch.

    Raises:
        BatchHeaderError: the header contradicts what comes after it.
        KafkaError: the broker doesn't answer, or answers with an error.
    """
    with _client(connection, where.topic) as client:
        leader = client.cluster.leader_for_partition(where)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError(where.topic)
        request = _request(where.topic, where.partition, offset)
        answer = client.send_and_receive(leader, request, REQUEST_MS)
    found = answer.responses[0].partitions[0]
    if found.error_code:
        raise for_code(found.error_code)(where.topic)
    return read_batch(found, offset)


def read_batch(answer: Any, offset: int) -> StoredBatch:
    """Read the first batch in a partition's part of a fetch response.

    Args:
        answer: kafka-python's PartitionData.
        offset: the requested one.

    Raises:
        BatchHeaderError: the header contradicts what comes after it.
    """
    records = bytes(answer.records or b"")
    batch = MemoryRecords(records).next_batch()
    if batch is None or batch.magic < OLDEST_FORMAT:
        raise BatchHeaderError("its header is damaged, or of a format before Kafka 0.11")
    content, rest = records[: batch.size_in_bytes], records[batch.size_in_bytes :]
    # A batch begins with its first offset. After the last one there is only the log's end.
    next_batch = rest[:OFFSET_BYTES]
    limit = int.from_bytes(next_batch) if len(next_batch) == OFFSET_BYTES else answer.high_watermark
    if not batch.base_offset <= batch.last_offset < limit or offset > batch.last_offset:
        raise BatchHeaderError(
            f"its header is damaged: its last offset can't be {batch.last_offset}"
        )
    return StoredBatch(
        first=max(batch.base_offset, offset),
        last=batch.last_offset,
        timestamp=batch.max_timestamp,
        content=content,
        aborted=any(
            transaction.producer_id == batch.producer_id
            and transaction.first_offset <= batch.base_offset
            for transaction in answer.aborted_transactions or ()
        ),
    )


@contextmanager
def _client(connection: Connection, topic: str) -> Iterator[KafkaNetClient]:
    client = KafkaNetClient(
        **connection.kafka_python(),
        request_timeout_ms=REQUEST_MS,
        receive_message_max_bytes=LARGEST_ANSWER,
    )
    try:
        # In this order: a request for a topic waits endlessly for a first broker.
        client.check_version(timeout_ms=REQUEST_MS)
        client.poll(timeout_ms=REQUEST_MS, future=client.cluster.set_topics([topic]))
        yield client
    finally:
        client.close()


def _request(topic: str, partition: int, offset: int) -> FetchRequest:
    Topic = FetchRequest.FetchTopic  # noqa: N806 - a class
    return FetchRequest(
        max_wait_ms=0,
        min_bytes=0,
        max_bytes=FETCHED_BYTES,
        isolation_level=READ_COMMITTED,
        session_id=0,
        session_epoch=-1,  # no session: a single request
        topics=[
            Topic(
                topic=topic,
                partitions=[
                    Topic.FetchPartition(
                        partition=partition,
                        current_leader_epoch=-1,
                        fetch_offset=offset,
                        last_fetched_epoch=-1,
                        log_start_offset=-1,
                        partition_max_bytes=FETCHED_BYTES,
                    )
                ],
            )
        ],
        forgotten_topics_data=[],
        rack_id="",
        min_version=FIRST_WITH_ISOLATION,
        max_version=LAST_WITH_NAMES,
    )
