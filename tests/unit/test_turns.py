"""Only so many records at a time, and no partition left out."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from confluent_kafka import Message

from connectors.input_partition import InputPartition
from connectors.records import RecordBatch
from connectors.turns import Turns
from monitoring.health import Health
from tests.support.input_partitions import open_partitions

BATCH = 10
LIMIT = 4 * BATCH


def run(turns: Turns, partitions: list[int], batch: int = BATCH) -> list[int]:
    """Ask as the engine does in one run of the source; return who was let poll."""
    polled = []
    for partition in partitions:
        if turns.may_poll(partition):
            turns.handed_on(batch)
            polled.append(partition)
    return polled


def test_few_partitions_all_poll_each_time() -> None:
    """A batch of each is not more than the limit."""
    turns = Turns(LIMIT)
    assert [run(turns, [0, 1, 2, 3]) for _ in range(3)] == [[0, 1, 2, 3]] * 3


def test_of_many_with_a_backlog_each_has_as_many_turns() -> None:
    """As many as the limit is for each time, all of them in turn."""
    turns = Turns(LIMIT)
    runs = [run(turns, list(range(64))) for _ in range(64 // 4 * 3)]
    assert {len(polled) for polled in runs} == {4}
    assert set(Counter(partition for polled in runs for partition in polled).values()) == {3}


def test_those_with_nothing_to_read_take_nobodys_turn() -> None:
    """What counts is what they hand on."""
    turns = Turns(LIMIT)
    assert run(turns, list(range(64)), batch=0) == list(range(64))


def test_one_that_was_refused_and_asks_no_more_holds_up_nobody() -> None:
    """It may have ended, or wait for others to end their epoch."""
    turns = Turns(LIMIT)
    assert run(turns, [0, 1, 2, 3, 4]) == [0, 1, 2, 3]
    runs = [run(turns, [0, 1, 2, 3]) for _ in range(2)]
    assert [0, 1, 2, 3] in runs


def test_one_that_asks_alone_is_let_poll_at_the_second_time() -> None:
    """The first time looks like the same run of the source."""
    turns = Turns(LIMIT)
    run(turns, [0, 1, 2, 3])
    assert [4] in [run(turns, [4]) for _ in range(2)]


def test_workers_of_a_process_have_turns_of_their_own() -> None:
    """A worker's limit is not used up by another one."""
    turns = Turns(LIMIT)
    assert run(turns, [0, 1, 2, 3, 4]) == [0, 1, 2, 3]
    with ThreadPoolExecutor(1) as other:
        assert other.submit(run, turns, [4, 5]).result() == [4, 5]


def test_a_partition_without_a_turn_reads_nothing_and_asks_again_at_once() -> None:
    """None as the time to wake would let those that are due at once come first for good."""
    first, second = two_partitions([0] * LIMIT + [1] * LIMIT)
    assert sizes(first.next_batch()) == [BATCH] * 4
    assert sizes(second.next_batch()) == []
    awake = second.next_awake()
    assert awake is not None
    assert awake <= datetime.now(UTC)
    assert sizes(second.next_batch()) == [BATCH] * 4


def test_what_is_left_of_the_limit_is_all_that_the_next_one_takes() -> None:
    """Or a batch, if that is more: together no more than a batch beyond the limit."""
    first, second = two_partitions([0] * 15 + [1] * LIMIT)
    assert sizes(first.next_batch()) == [BATCH, 5]
    assert sizes(second.next_batch()) == [BATCH, BATCH, 5]
    first, second = two_partitions([0] * (LIMIT - 1) + [1] * LIMIT)
    assert sum(sizes(first.next_batch())) == LIMIT - 1
    assert sizes(second.next_batch()) == [BATCH]


def sizes(batches: list[RecordBatch]) -> list[int]:
    """Return how many records each batch has."""
    return [len(batch.values) for batch in batches]


def two_partitions(backlog: list[int]) -> list[InputPartition]:
    """Open the two partitions of a worker.

    Args:
        backlog: the partition of each record that is there to be read.
    """
    messages = [
        Message(topic="logins", partition=partition, offset=offset, value=b"{}")
        for offset, partition in enumerate(backlog)
    ]
    return open_partitions(messages, (0, 1), BATCH, LIMIT)


@pytest.fixture(autouse=True)
def _health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
