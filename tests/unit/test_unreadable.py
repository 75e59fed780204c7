"""What becomes of a batch that can't be read, from the source's word to the dead letter."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from structlog.testing import capture_logs

from connectors import batch_headers
from connectors.batch_headers import StoredBatch
from connectors.hanging import LogEnd
from connectors.input_partition import EndOffsets
from connectors.partition_ends import CommittedEnd, PartitionEnds
from connectors.sink import unwritten
from connectors.unreadable import UnreadableBatches
from connectors.worker_consumer import WorkerConsumer
from monitoring.health import Health
from operators.batches import Reason
from operators.decode import decode_batch
from operators.encode import encode_batch
from operators.enrich import enrich_batch
from operators.event_time import Windowing
from operators.login_columns import summarise_columns
from operators.processed import read_processed_batch, rejects_only
from operators.summarise import summarise
from records import OutputBatch, RecordBatch
from settings import Settings
from tests.support.input_partitions import open_partitions
from tests.support.stopped import StoppedError, stop

FIRST, BEHIND = 10, 30
CONTENT = b"\x00of a batch"
DETAIL = "offsets 10 to 29: the batch can't be read: its checksum is wrong"
WINDOWING = Windowing(60, 10)


@pytest.mark.parametrize(
    ("operators", "write"),
    [
        (lambda batch: enrich_batch(decode_batch(batch)), encode_batch),
        (read_processed_batch, rejects_only),
    ],
    ids=["login flow", "security flow"],
)
def test_a_skipped_batch_becomes_one_dead_letter(
    operators: Callable[[RecordBatch], Any], write: Callable[[Any], OutputBatch]
) -> None:
    """It has the batch's first offset and bytes, and progress continues after the batch."""
    stored = StoredBatch(FIRST, BEHIND - 1, 1_720_000_000_000, CONTENT, aborted=False)
    written = write(operators(_skipped(stored)))
    assert (written.records, written.next_offset) == ([], BEHIND)
    [letter] = written.dead_letters
    assert (letter.offset, letter.value, letter.detail) == (FIRST, CONTENT, DETAIL)
    assert (letter.key, letter.headers, letter.reason) == (None, [], "unreadable")
    assert unwritten(written, FIRST).dead_letters == [letter]
    assert unwritten(written, BEHIND).dead_letters == []


def test_a_skipped_batch_counts_as_one_dead_letter() -> None:
    """In report and breaker; how many logins it had is unknown."""
    stored = StoredBatch(FIRST, BEHIND - 1, 1_720_000_000_000, CONTENT, aborted=False)
    batch = _skipped(stored)
    assert summarise(enrich_batch(decode_batch(batch)), WINDOWING).rejects == {Reason.UNREADABLE: 1}
    assert summarise_columns(read_processed_batch(batch), WINDOWING).rejects == {
        Reason.UNREADABLE: 1
    }


def test_a_batch_is_read_again_while_no_broker_says_where_it_ends(
    monkeypatch: pytest.MonkeyPatch, free_ports: list[int]
) -> None:
    """Nothing is skipped on a guess, and a line says what the flow is waiting for."""
    monkeypatch.setattr(batch_headers, "REQUEST_MS", 50)
    client = _Client()
    consumer = WorkerConsumer(cast("Consumer", client), "logins", 1)
    consumer.begin(0, 0)
    nowhere = f"127.0.0.1:{free_ports[0]}"
    settings = Settings(kafka_bootstrap_servers=nowhere, on_unreadable="skip")
    batches = UnreadableBatches(consumer, TopicPartition("logins", 0), settings)
    with capture_logs() as lines:
        error = KafkaError(KafkaError._BAD_MSG)
        assert batches.skip(error, FIRST, earlier_written=True) is None
    assert client.assigned == FIRST
    assert [line["event"] for line in lines] == ["waiting to skip a batch that can't be read"]


def test_the_flow_stops_at_an_unreadable_batch_once_what_is_before_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the client makes of the bytes after it is not emitted."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    monkeypatch.setattr("connectors.unreadable.stop_process", stop)
    damaged = unreadable(2)
    [reading] = open_partitions([record(0), record(1), damaged, record(7), damaged], [0], 10, 10)
    [batch] = reading.next_batch()
    assert list(batch.offsets) == [0, 1]
    assert batch.next_offset == 2
    assert reading._consumer.position(0) == 2
    reading._consumer._buffered[0] = [damaged]
    assert reading.next_batch() == []
    reading._group_offsets.wrote(0, 2)
    reading._consumer._buffered[0] = [damaged]
    with pytest.raises(StoppedError, match=r"the batch at offset 2 can't be read: .*=skip"):
        reading.next_batch()


def test_the_end_is_not_reached_while_an_unreadable_batch_is_to_be_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever came from after it; else a run would succeed with the batch unread."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    monkeypatch.setattr("connectors.unreadable.stop_process", stop)
    end = EndOffsets()
    end.set(0, LogEnd(committed=8, written=8))
    again = [unreadable(2), record(7)]
    [reading] = open_partitions([record(0), record(1), *again, *again], [0], 4, 4, end=end)
    assert [list(batch.offsets) for batch in reading.next_batch()] == [[0, 1]]
    assert reading.next_batch() == []  # [0, 1] isn't written yet: met again, and left again
    assert reading.next_batch() == []  # nothing has come yet
    reading._group_offsets.wrote(0, 2)
    reading._consumer._buffered[0] = [unreadable(2)]
    with pytest.raises(StoppedError, match="the batch at offset 2 can't be read"):
        reading.next_batch()


def test_a_partition_is_not_idle_while_an_unreadable_batch_is_to_be_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise windows would close, and the records after the batch would be late."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    end = CommittedEnd(asked_at=time.monotonic() + 3_600, offset=8)
    ends = cast("PartitionEnds", SimpleNamespace(of=lambda _partition: end))
    messages = [record(0), record(1), unreadable(2), record(7)]
    [reading] = open_partitions(messages, [0], 10, 10, ends)
    [batch] = reading.next_batch()
    assert list(batch.offsets) == [0, 1]
    assert reading.next_batch() == []


def test_an_unreadable_batch_after_the_end_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left to the next run, and nothing more is read from its partition."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    monkeypatch.setattr("connectors.unreadable.stop_process", stop)
    end = EndOffsets()
    end.set(0, LogEnd(committed=1, written=1))
    end.set(1, LogEnd(committed=1, written=1))
    [first, _second] = open_partitions(
        [record(0), unreadable(1), record(0)], [0, 1], 10, 10, end=end
    )
    assert [list(batch.offsets) for batch in first.next_batch()] == [[0]]
    assert first.next_batch() == []


def test_an_error_about_a_wrong_offset_that_reading_has_left_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a damaged batch the client looks for offsets that never existed."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    monkeypatch.setattr("connectors.input_partition.stop_process", stop)
    [reading] = open_partitions([gone(2**60), record(20), gone(21)], [0], 1, 2)
    reading._consumer.resume_at(0, 20)
    [batch] = reading.next_batch()
    assert list(batch.offsets) == [20]
    with pytest.raises(StoppedError, match="no longer in the log"):
        reading.next_batch()


def test_a_wrong_offset_does_not_move_reading_back_to_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The records between the two would be lost."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    [reading] = open_partitions([record(29), gone(2**60), record(20)], [0], 1, 1)
    consumer = reading._consumer
    assert consumer.take(0, 1)
    assert consumer.position(0) == 30
    consumer.resume_at(0, 20)
    assert reading.next_batch() == []
    assert consumer.position(0) == 20
    [batch] = reading.next_batch()
    assert list(batch.offsets) == [20]
    assert consumer.position(0) == 21


def test_a_buffered_error_about_a_wrong_offset_is_not_the_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The partition would count as read to its end, wherever that is."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    first, second = open_partitions([gone(2**60)], [0, 1], 10, 10)
    first._consumer.resume_at(0, 20)
    assert second.next_batch() == []
    assert first._consumer._buffered[0]
    assert first._consumer.position(0) == 20


def unreadable(offset: int) -> Message:
    """Return the client's error for a damaged batch of partition 0."""
    error = KafkaError(KafkaError._BAD_MSG)
    return Message(topic="logins", partition=0, offset=offset, error=error)


def gone(offset: int) -> Message:
    """Return the client's error for an offset that isn't in the log of partition 0."""
    error = KafkaError(KafkaError._AUTO_OFFSET_RESET)
    return Message(topic="logins", partition=0, offset=offset, error=error)


def record(offset: int) -> Message:
    """Return a record of partition 0."""
    return Message(topic="logins", partition=0, offset=offset, value=b"", timestamp=(0, 0))


def _skipped(stored: StoredBatch) -> RecordBatch:
    return RecordBatch(
        topic="logins",
        partition=0,
        start=0,
        next_offset=stored.last + 1,
        offsets=[stored.first],
        timestamps=[stored.timestamp],
        values=[stored.content],
        origins=[stored],
        unreadable=DETAIL,
    )


class _Client:
    """The client's part that is asked to begin elsewhere."""

    assigned: int | None = None

    def incremental_unassign(self, _partitions: list[TopicPartition]) -> None:
        """Forget where it is."""

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Begin somewhere."""
        self.assigned = partitions[0].offset

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return that nothing was received."""
        return partitions
