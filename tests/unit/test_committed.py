"""Reading committed records up to an offset: what ends it, and what stops the program."""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Event
from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors import committed
from connectors.committed import CommittedReader
from tests.support.stopped import StoppedError, stop

AT_END = KafkaError(KafkaError._PARTITION_EOF)
DAMAGED = KafkaError(KafkaError._BAD_MSG)
DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
RETRIED = KafkaError(KafkaError._TRANSPORT, retriable=True)
HELD = range(3, 1_000)  # the offsets of a partition whose first records are deleted


@dataclass(frozen=True)
class Polled:
    """What a client returns: a record with its offset as its value, or an error."""

    at: int = 0
    failure: KafkaError | None = None
    empty: bool = False

    def error(self) -> KafkaError | None:
        """Return the error."""
        return self.failure

    def offset(self) -> int:
        """Return the offset."""
        return self.at

    def value(self) -> bytes | None:
        """Return the value; None for a tombstone."""
        return None if self.empty else b"%d" % self.at


class Log:
    """A partition as a client reads it: the answers to polls, then silence.

    Attributes:
        begins: where reading began, each time.
    """

    def __init__(self, answers: Iterable[Polled]) -> None:
        self.begins: list[int] = []
        self._all = list(answers)
        self._left: list[Polled] = []

    def assign(self, places: list[TopicPartition]) -> None:
        """Begin at an offset."""
        [place] = places
        self.begins.append(place.offset)
        self._left = [one for one in self._all if one.failure or one.at >= place.offset]

    def poll(self, _seconds: float) -> Polled | None:
        """Return the next answer."""
        return self._left.pop(0) if self._left else None

    def get_watermark_offsets(self, _place: TopicPartition, timeout: float) -> tuple[int, int]:
        """Return the partition's bounds."""
        assert timeout > 0
        return HELD.start, HELD.stop


def reader_of(log: Log) -> CommittedReader:
    """Return a reader that is not patient with silence."""
    return CommittedReader(cast("Consumer", log), stop, silence_seconds=-1)


def read(*answers: Polled, end: int = 10) -> list[int]:
    """Return the offsets that are read from 5 on."""
    found = reader_of(Log(answers)).read(TopicPartition("t", 0, 5), end)
    return [record.offset() for record in found]


def test_reading_ends_before_an_offset_or_at_the_end_of_what_is_committed() -> None:
    """The last offsets may be those of control records, of which nothing is returned."""
    assert read(Polled(5), Polled(9), Polled(10), Polled(11)) == [5, 9]
    assert read(Polled(5), Polled(failure=AT_END)) == [5]
    assert read(end=5) == []


def test_an_error_that_the_client_retries_ends_nothing() -> None:
    """The records after it are read."""
    assert read(Polled(5), Polled(failure=RETRIED), Polled(6), Polled(failure=AT_END)) == [5, 6]


@pytest.mark.parametrize(("failure", "said"), [(DAMAGED, "Bad message"), (DENIED, "permission")])
def test_what_can_not_be_read_stops_the_program(failure: KafkaError, said: str) -> None:
    """Records are not left out silently: one line names the topic and the cause."""
    with pytest.raises(StoppedError, match=f"can't read topic t: .*{said}"):
        read(Polled(5), Polled(failure=failure), Polled(6))


def test_a_broker_that_stops_answering_before_the_end_stops_the_program() -> None:
    """What was read until then is not taken for all."""
    with pytest.raises(StoppedError, match="can't read topic t to its end"):
        read(Polled(5))


def test_reading_ends_when_it_is_told_to() -> None:
    """Without a line: whoever told it so knows why."""
    draining = Event()
    log = Log([Polled(5), Polled(6), Polled(7)])
    reader = CommittedReader(cast("Consumer", log), stop, draining)
    for record in reader.read(TopicPartition("t", 0, 5), 10):
        if record.offset() == 6:
            draining.set()
        assert record.offset() < 7
    assert reader.bounds("t", 0) == (0, 0)


def test_the_last_record_is_looked_for_from_the_end_in_growing_steps() -> None:
    """Behind thousands of aborted records and tombstones too, and no further back than it is."""
    tombstone = Polled(995, empty=True)
    log = Log([Polled(4), Polled(400), Polled(500), tombstone, Polled(failure=AT_END)])
    assert reader_of(log).last("t", 0) == b"500"
    looks = [
        HELD.stop - committed.FIRST_LOOK_BACK * committed.LOOK_BACK_GROWTH**n for n in range(3)
    ]
    assert log.begins == [max(HELD.start, begin) for begin in looks]


def test_a_partition_without_committed_records_has_no_last_one() -> None:
    """It is read to its very beginning."""
    log = Log([Polled(failure=AT_END)])
    assert reader_of(log).last("t", 0) is None
    assert log.begins[-1] == HELD.start
