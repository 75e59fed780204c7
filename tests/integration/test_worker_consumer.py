"""One client reads all partitions of a worker, and none gets another's records or waits for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from connectors.worker_consumer import WorkerConsumer
from tests.support.flow import Flow
from tests.support.waiting import wait_until

RECORDS = 500  # of each partition
MOST_HELD = 100
AT_ONCE = 50


@contextmanager
def consumer_of(flow: Flow, partitions: list[int], offset: int = 0) -> Iterator[WorkerConsumer]:
    """Give a consumer that has begun with partitions of the input topic."""
    client = Consumer(
        {
            "bootstrap.servers": flow.servers,
            "group.id": flow.group,
            "auto.offset.reset": "error",
        }
    )
    consumer = WorkerConsumer(client, flow.input, MOST_HELD)
    for partition in partitions:
        consumer.begin(partition, offset)
    try:
        yield consumer
    finally:
        client.close()


@pytest.fixture
def filled(flow: Flow) -> Flow:
    """A flow whose three input partitions hold records that tell where they are."""
    flow.topics.make(flow.input, 3)
    values = (f"{part}/{number}".encode() for number in range(RECORDS) for part in range(3))
    flow.topics.send(
        flow.input, [{"value": value, "partition": int(value[:1])} for value in values]
    )
    return flow


def values(messages: list[Message]) -> list[str]:
    """Return records' values, and errors as what they are."""
    return [(one.value() or b"").decode() if one.error() is None else "error" for one in messages]


def read(take: Callable[[], list[Message]], count: int) -> list[str]:
    """Take so many records."""
    taken: list[str] = []

    def enough() -> bool:
        taken.extend(values(take()))
        return len(taken) >= count

    wait_until(enough, f"{count} records")
    return taken


def partition_of(consumer: WorkerConsumer, partition: int) -> Callable[[], list[Message]]:
    """Return what takes a partition's records."""
    return lambda: consumer.take(partition, AT_ONCE)


def all_of(partition: int, first: int = 0) -> list[str]:
    """Return what a partition holds from an offset on."""
    return [f"{partition}/{number}" for number in range(first, RECORDS)]


def test_each_partition_takes_all_of_its_own_in_order(filled: Flow) -> None:
    """Whoever asks receives for the others, too."""
    with consumer_of(filled, [0, 1, 2]) as consumer:
        taken: dict[int, list[str]] = {0: [], 1: [], 2: []}

        def all_taken() -> bool:
            for partition, found in taken.items():
                found += values(consumer.take(partition, AT_ONCE))
            return all(len(found) >= RECORDS for found in taken.values())

        wait_until(all_taken, "all records")
        assert taken == {partition: all_of(partition) for partition in range(3)}


def test_no_more_is_received_while_much_is_kept_for_others(filled: Flow) -> None:
    """Memory stays bounded when a partition is not asked for; nothing of it is lost meanwhile."""
    with consumer_of(filled, [1, 2]) as consumer:
        consumer.begin(0, RECORDS)  # nothing more comes there

        def kept() -> int:
            assert consumer.take(0, AT_ONCE) == []
            return sum(map(len, consumer._buffered.values()))

        wait_until(lambda: kept() > MOST_HELD, "enough is kept")
        assert {kept() for _ in range(AT_ONCE)} <= set(range(MOST_HELD + AT_ONCE + 1))
        for partition in (1, 2):
            assert read(partition_of(consumer, partition), RECORDS) == all_of(partition)


def test_the_position_is_behind_what_was_taken(filled: Flow) -> None:
    """Not behind what came for it while others asked."""
    with consumer_of(filled, [1]) as consumer:
        assert consumer.position(1) < 0
        consumer.begin(2, RECORDS)
        wait_until(lambda: consumer.take(2, AT_ONCE) or consumer._buffered[1], "records of another")
        assert consumer.position(1) == 0
        taken = read(partition_of(consumer, 1), 1)
        assert consumer.position(1) == len(taken)


def test_the_position_is_where_reading_was_moved_to_until_something_comes_from_there(
    filled: Flow,
) -> None:
    """The client may go on telling the one before for a while."""
    with consumer_of(filled, [0]) as consumer:
        assert read(partition_of(consumer, 0), RECORDS) == all_of(0)
        for offset in (10, RECORDS - 10, 20):
            consumer.resume_at(0, offset)
            assert consumer.position(0) == offset
            assert read(partition_of(consumer, 0), RECORDS - offset) == all_of(0, offset)
            assert consumer.position(0) == RECORDS


def test_nobody_asks_again_at_once_while_nothing_may_be_received(filled: Flow) -> None:
    """That would burn a core until others have taken theirs."""
    with consumer_of(filled, [1, 2]) as consumer:
        consumer.begin(0, RECORDS)
        wait_until(
            lambda: consumer.take(0, AT_ONCE) or not consumer._may_receive(0), "much is held"
        )
        assert not consumer.has_more(0)
        assert consumer.has_more(1) or consumer.has_more(2)


def test_a_partition_begins_at_its_offset(filled: Flow) -> None:
    """Even when others were read before."""
    with consumer_of(filled, [0], RECORDS - 10) as consumer:
        assert read(partition_of(consumer, 0), 10) == all_of(0, RECORDS - 10)
        consumer.begin(2, RECORDS - 20)
        assert read(partition_of(consumer, 2), 20) == all_of(2, RECORDS - 20)


def test_what_is_left_of_a_partition_that_ended_is_nobodys(filled: Flow) -> None:
    """The others go on, and the client is closed with the last one."""
    with consumer_of(filled, [0, 1]) as consumer:
        read(partition_of(consumer, 0), 1)
        consumer.end(1)
        ended = TopicPartition(filled.input, 1)

        def all_received() -> bool:
            assert "1" not in {value[0] for value in values(consumer.take(0, AT_ONCE))}
            return bool(consumer.client.position([ended])[0].offset == RECORDS)

        wait_until(all_received, "the records of the partition that ended")
        consumer.end(0)
        with pytest.raises(RuntimeError, match="closed"):
            consumer.client.consume(1, 0)


def test_an_offset_that_is_not_there_is_told_the_partition_it_is_of(filled: Flow) -> None:
    """An error comes to the partition whose it is, in place of a record."""
    with consumer_of(filled, [0], 0) as consumer:
        consumer.begin(1, RECORDS + 1)
        assert read(partition_of(consumer, 0), RECORDS) == all_of(0)
        assert "error" in read(partition_of(consumer, 1), 1)
