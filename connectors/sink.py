"""A Bytewax sink that writes batches to Kafka once: outputs, dead letters and progress."""

import time
from dataclasses import replace
from typing import TypedDict

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import TopicPartition

from connectors.connection import Connection
from connectors.dead_letters import dead_letter_headers, fit
from connectors.group_offsets import GroupOffsets
from connectors.progress import ProgressReader, progress_key
from connectors.topics import FlowTopics, partition_names
from connectors.writer import Writer
from connectors.writers import fence_previous_version, make_transactional_id, open_writer
from models import Progress
from monitoring import observe
from records import DeadLetter, OutputBatch
from settings import Settings

__all__ = ["TransactionalKafkaSink", "unwritten"]

STATE_VERSION = 1


class SinkState(TypedDict):
    """What the recovery store keeps of an output partition; the progress topic is the truth."""

    version: int
    next_offset: int


class TransactionalKafkaSink(FixedPartitionedSink[OutputBatch, SinkState]):
    """Writes a partition's batches in order, and leaves out what is already written.

    With exactly-once delivery, one call's batches are a transaction that also holds their progress
    record. With at-least-once delivery, that record follows once every output is acknowledged.

    Args:
        settings: the process's settings.
        topics: the flow's topics, as found at start.
        group_offsets: shared with the source.
    """

    def __init__(self, settings: Settings, topics: FlowTopics, group_offsets: GroupOffsets) -> None:
        self._settings = settings
        self._topics = topics
        self._progress = ProgressReader(Connection(settings), topics)
        self._group_offsets = group_offsets

    def list_parts(self) -> list[str]:
        """Return a name for each sink partition: one per input partition."""
        return partition_names(self._topics.partitions)

    def part_fn(self, item_key: str) -> int:
        """Return the partition that the key names."""
        return int(item_key)

    def build_part(
        self, _step_id: str, for_part: str, _resume_state: SinkState | None
    ) -> "_Partition":
        """Fence the previous writer of this partition, then read how far it came.

        1. Fence: the broker aborts the transaction that the previous writer left open.
        2. Abort it here where the broker failed to.
        3. Read the last committed progress: from now on nobody else can write any.
        """
        topics, partition = self._topics, int(for_part)
        own_id = make_transactional_id(self._settings, topics.input, partition)
        limits = [topics.largest_output, topics.largest_dead_letter]
        writer = open_writer(self._settings, own_id, f"partition {partition}", limits)
        writer.abort_hanging(self._places(partition))
        progress = self._last_progress(partition, own_id)
        written = progress.offset if progress else 0
        return _Partition(writer, topics, partition, written, own_id, self._group_offsets)

    def _last_progress(self, partition: int, own_id: str) -> Progress | None:
        """Read the progress; again after fencing, if an earlier version may still have written it.

        Progress that names this id shows that this was done before.
        """
        progress = self._progress.last(partition)
        if not own_id or (progress and progress.transactional_id == own_id):
            return progress
        topic, places = self._topics.input, self._places(partition)
        fence_previous_version(self._settings, topic, partition, places)
        return self._progress.last(partition)

    def _places(self, partition: int) -> list[TopicPartition]:
        """Return all that a sink partition writes to: outputs are partitioned by user."""
        topics = self._topics
        own = [TopicPartition(topic, partition) for topic in (topics.dead_letters, topics.progress)]
        outputs = range(topics.output_partitions)
        return [*own, *(TopicPartition(topics.output, number) for number in outputs)]


class _Partition(StatefulSinkPartition[OutputBatch, SinkState]):
    """The outputs of one input partition."""

    def __init__(
        self,
        writer: Writer,
        topics: FlowTopics,
        partition: int,
        written: int,
        own_id: str,
        group_offsets: GroupOffsets,
    ) -> None:
        self._writer = writer
        self._topics = topics
        self._partition = partition
        self._written = written
        self._own_id = own_id
        self._group_offsets = group_offsets
        group_offsets.wrote(partition, written)

    def write_batch(self, values: list[OutputBatch]) -> None:
        """Write what isn't written yet, as one write that completes in the background."""
        new = []
        for batch in values:
            if batch.next_offset > self._written:
                new.append(unwritten(batch, self._written))
                self._written = batch.next_offset
        if new:
            self._write(new)

    def snapshot(self) -> SinkState:
        """Wait for the pending write: only what is committed may be in a snapshot."""
        began = time.monotonic()
        self._writer.wait()
        observe.snapshot_taken(time.monotonic() - began)
        self._group_offsets.commit(self._partition, self._written)
        return {"version": STATE_VERSION, "next_offset": self._written}

    def close(self) -> None:
        """Wait for the pending write, and commit the group's offset for lag tools."""
        self._writer.close()
        self._group_offsets.commit(self._partition, self._written, last=True)

    def _write(self, batches: list[OutputBatch]) -> None:
        self._writer.write(
            lambda: self._send_records(batches),
            lambda: self._send_progress(batches[-1]),
            lambda: self._note_written(batches),
        )

    def _note_written(self, batches: list[OutputBatch]) -> None:
        for batch in batches:
            observe.batch_written(batch)
        self._group_offsets.wrote(self._partition, batches[-1].next_offset)

    def _send_records(self, batches: list[OutputBatch]) -> None:
        for batch in batches:
            self._writer.send_all(self._topics.output, batch.records)
            for letter in batch.dead_letters:
                self._send_dead_letter(letter, batch)

    def _send_dead_letter(self, letter: DeadLetter, batch: OutputBatch) -> None:
        headers = dead_letter_headers(letter, batch.topic, batch.partition)
        letter, headers = fit(letter, headers, self._topics.largest_dead_letter)
        self._writer.send(
            self._topics.dead_letters, batch.partition, letter.key, letter.value, headers
        )

    def _send_progress(self, batch: OutputBatch) -> None:
        progress = Progress(
            topic=batch.topic,
            topic_id=self._topics.input_id,
            partition=batch.partition,
            offset=batch.next_offset,
            start=batch.start,
            transactional_id=self._own_id,
        )
        self._writer.send(
            self._topics.progress,
            batch.partition,
            progress_key(batch.topic, batch.partition),
            msgspec.json.encode(progress),
            [],
        )


def unwritten(batch: OutputBatch, written: int) -> OutputBatch:
    """Return the part of a batch from the input offset `written` on."""
    if not batch.offsets or batch.offsets[0] >= written:
        offsets, records = batch.offsets, batch.records
    else:
        first = next((i for i, at in enumerate(batch.offsets) if at >= written), len(batch.offsets))
        offsets, records = batch.offsets[first:], batch.records[first:]
    letters = [letter for letter in batch.dead_letters if letter.offset >= written]
    return replace(batch, offsets=offsets, records=records, dead_letters=letters)
