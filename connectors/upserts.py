"""A Bytewax sink for records that replace each other by key: written again, they change nothing."""

from collections.abc import Iterator
from functools import partial

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.records import OutputRecord
from connectors.topics import FlowTopics
from connectors.writer import Writer
from connectors.writers import open_writer
from settings import Settings

__all__ = ["UpsertSink"]

PARTITION = "upserts"
# Of keys and values in a transaction, which has to end in time (60 s) on a slow link, too.
TRANSACTION_BYTES = 16_000_000


class UpsertSink(FixedPartitionedSink[OutputRecord, None]):
    """Writes records to a compacted topic, on one worker, before the snapshot that covers them.

    It keeps no state and drops nothing on a replay: the same key gets the same value once more.
    Transactions are there so that a process that was replaced can write no more.

    Args:
        settings: the process's settings.
        topics: the flow's topics, as found at start.
    """

    def __init__(self, settings: Settings, topics: FlowTopics) -> None:
        self._settings = settings
        self._topic = topics.upserts
        self._largest = topics.largest_upsert

    def list_parts(self) -> list[str]:
        """Return the only partition; the engine gives it to one worker."""
        return [PARTITION]

    def part_fn(self, _item_key: str) -> int:
        """Return the only partition, whatever the key."""
        return 0

    def build_part(
        self, _step_id: str, _for_part: str, _resume_state: None
    ) -> StatefulSinkPartition[OutputRecord, None]:
        """Fence whoever wrote before; with at-least-once delivery there is no such thing."""
        transactional_id = f"{self._settings.kafka_group_id}-{self._topic}-{PARTITION}"
        writer = open_writer(self._settings, transactional_id, self._topic, [self._largest])
        return _Partition(writer, self._topic)


class _Partition(StatefulSinkPartition[OutputRecord, None]):
    def __init__(self, writer: Writer, topic: str) -> None:
        self._writer = writer
        self._topic = topic

    def write_batch(self, values: list[OutputRecord]) -> None:
        """Send records once those before them are written.

        A flood of them is several transactions: none needs another, and a replay writes all again.
        """
        for records in _shares(values):
            self._writer.write(partial(self._writer.send_all, self._topic, records))

    def snapshot(self) -> None:
        """Wait for what is under way: a snapshot that covers a record comes after it."""
        self._writer.wait()

    def close(self) -> None:
        """Wait for what is under way."""
        self._writer.close()


def _shares(records: list[OutputRecord]) -> Iterator[list[OutputRecord]]:
    """Divide records, in their order, into lists that are a transaction each."""
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
