"""A Bytewax sink for records that replace each other by key: written again, they change nothing."""

from collections.abc import Iterator
from functools import partial
from typing import TypedDict

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import TopicPartition

from connectors.records import OutputRecord
from connectors.topics import FlowTopics
from connectors.writer import Writer
from connectors.writers import fence_former_version, make_transactional_id, open_writer
from settings import Settings

__all__ = ["UpsertSink"]

STATE_VERSION = 1
PARTITION = "upserts"
# Keys and values of one transaction, which has to end within its 60 s even on a slow link.
TRANSACTION_BYTES = 16_000_000


class UpsertState(TypedDict):
    """What the recovery store keeps of the upserts: under which id they are written."""

    version: int
    transactional_id: str


class UpsertSink(FixedPartitionedSink[OutputRecord, UpsertState]):
    """Writes records to a compacted topic, on one worker, before the snapshot that covers them.

    It drops nothing on a replay: the same key gets the same value once more.
    Transactions are there so that a process that was replaced can write no more.

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
        """Fence whoever wrote before; with at-least-once delivery there is no such thing."""
        topic = self._topics.upserts
        own_id = make_transactional_id(self._settings, topic, PARTITION)
        writer = open_writer(self._settings, own_id, topic, [self._topics.largest_upsert])
        if own_id and (resume_state is None or resume_state["transactional_id"] != own_id):
            numbers = range(self._topics.upsert_partitions)
            places = [TopicPartition(topic, number) for number in numbers]
            fence_former_version(self._settings, topic, PARTITION, places)
        return _Partition(writer, topic, own_id)


class _Partition(StatefulSinkPartition[OutputRecord, UpsertState]):
    def __init__(self, writer: Writer, topic: str, own_id: str) -> None:
        self._writer = writer
        self._topic = topic
        self._own_id = own_id

    def write_batch(self, values: list[OutputRecord]) -> None:
        """Send records once those before them are written.

        A flood of them is several transactions: none needs another, and a replay writes all again.
        """
        for records in _shares(values):
            self._writer.write(partial(self._writer.send_all, self._topic, records))

    def snapshot(self) -> UpsertState:
        """Wait for what is under way: a snapshot that covers a record comes after it."""
        self._writer.wait()
        return {"version": STATE_VERSION, "transactional_id": self._own_id}

    def close(self) -> None:
        """Wait for what is under way."""
        self._writer.close()


def _shares(records: list[OutputRecord]) -> Iterator[list[OutputRecord]]:
    """Divide records, in order, into lists of one transaction each."""
    share: list[OutputRecord] = []
    size = 0
    for record in records:
        share.append(record)
        size += sum(map(len, record.values()))
        if size >= TRANSACTION_BYTES:
            yield share
            share, size = [], 0
    if share:
        yield share
