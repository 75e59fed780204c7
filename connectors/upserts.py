"""A Bytewax sink for records that replace each other by key: writing one again changes nothing."""

from collections.abc import Iterator
from functools import partial
from typing import TypedDict

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import TopicPartition

from connectors.topics import FlowTopics
from connectors.writer import Writer
from connectors.writers import fence_previous_version, make_transactional_id, open_writer
from records import OutputRecord
from settings import Settings

__all__ = ["UpsertSink"]

STATE_VERSION = 1
PARTITION = "upserts"
# Keys and values of one transaction, which has to end within its 60 s even on a slow link.
TRANSACTION_BYTES = 16_000_000


class UpsertState(TypedDict):
    """What the recovery store keeps of the upserts: the transactional id that writes them."""

    version: int
    transactional_id: str


class UpsertSink(FixedPartitionedSink[OutputRecord, UpsertState]):
    """Writes records to a compacted topic, on one worker, before the snapshot that covers them.

    It drops nothing on a replay: the same key gets the same value again. Transactions fence a
    process that was replaced.

    Args:
        settings: the process's settings.
        topics: the flow's topics, as found at start.
    """

    def __init__(self, settings: Settings, topics: FlowTopics) -> None:
        self._settings = settings
        self._topics = topics

    def list_parts(self) -> list[str]:
        """Return the only partition; the engine gives it to one worker."""
        return [PARTITION]

    def part_fn(self, _item_key: str) -> int:
        """Return the only partition, whatever the key."""
        return 0

    def build_part(
        self, _step_id: str, _for_part: str, resume_state: UpsertState | None
    ) -> StatefulSinkPartition[OutputRecord, UpsertState]:
        """Fence the previous writer; at-least-once delivery has no fencing."""
        topic = self._topics.upserts
        own_id = make_transactional_id(self._settings, topic, PARTITION)
        writer = open_writer(self._settings, own_id, topic, [self._topics.largest_upsert])
        if own_id and (resume_state is None or resume_state["transactional_id"] != own_id):
            numbers = range(self._topics.upsert_partitions)
            places = [TopicPartition(topic, number) for number in numbers]
            fence_previous_version(self._settings, topic, PARTITION, places)
        return _Partition(writer, topic, own_id)


class _Partition(StatefulSinkPartition[OutputRecord, UpsertState]):
    def __init__(self, writer: Writer, topic: str, own_id: str) -> None:
        self._writer = writer
        self._topic = topic
        self._own_id = own_id

    def write_batch(self, values: list[OutputRecord]) -> None:
        """Send records once the previous ones are written.

        Many of them are split into several transactions: they are independent, and a replay writes
        all of them again.
        """
        for records in _split(values):
            self._writer.write(partial(self._writer.send_all, self._topic, records))

    def snapshot(self) -> UpsertState:
        """Wait for the pending write: a record is written before the snapshot that covers it."""
        self._writer.wait()
        return {"version": STATE_VERSION, "transactional_id": self._own_id}

    def close(self) -> None:
        """Wait for the pending write."""
        self._writer.close()


def _split(records: list[OutputRecord]) -> Iterator[list[OutputRecord]]:
    """Split records, in order, into one list per transaction."""
    chunk: list[OutputRecord] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += sum(map(len, record.values()))
        if size >= TRANSACTION_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
