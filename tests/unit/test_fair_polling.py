"""A worker polls a limited number of records at a time, and none of its partitions starves."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from confluent_kafka import Message

from connectors.fair_polling import FairPolling
from connectors.input_partition import InputPartition
from monitoring.health import Health
from records import RecordBatch
from tests.support.input_partitions import open_partitions

BATCH = 10
LIMIT = 4 * BATCH


def run(polling: FairPolling, partitions: list[int], batch: int = BATCH) -> list[int]:
    """Ask as the engine does in one run of the source; return the partitions that could poll."""
    polled = []
    for partition in partitions:
        if polling.may_poll(partition):
            polling.add(batch)
            polled.append(partition)
    return polled


def test_few_partitions_all_poll_each_time() -> None:
    """One batch from each stays within the limit."""
    polling = FairPolling(LIMIT)
    assert [run(polling, [0, 1, 2, 3]) for _ in range(3)] == [[0, 1, 2, 3]] * 3


def test_many_partitions_with_a_backlog_poll_equally_often() -> None:
    """Each run lets as many poll as the limit allows, all of them in turn."""
    polling = FairPolling(LIMIT)
    runs = [run(polling, list(range(64))) for _ in range(64 // 4 * 3)]
    assert {len(polled) for polled in runs} == {4}
    assert set(Counter(partition for polled in runs for partition in polled).values()) == {3}


def test_partitions_with_nothing_to_read_use_up_nothing_of_the_limit() -> None:
    """Only polled records count."""
    polling = FairPolling(LIMIT)
    assert run(polling, list(range(64)), batch=0) == list(range(64))


def test_a_denied_partition_that_never_asks_again_blocks_no_other() -> None:
    """It may have ended, or be waiting for others to end their epoch."""
    polling = FairPolling(LIMIT)
    assert run(polling, [0, 1, 2, 3, 4]) == [0, 1, 2, 3]
    runs = [run(polling, [0, 1, 2, 3]) for _ in range(2)]
    assert [0, 1, 2, 3] in runs


def test_a_partition_that_asks_alone_may_poll_at_the_second_time() -> None:
    """The first time looks like part of the previous run of the source."""
    polling = FairPolling(LIMIT)
    run(polling, [0, 1, 2, 3])
    assert [4] in [run(polling, [4]) for _ in range(2)]


def test_each_worker_of_a_process_has_its_own_limit() -> None:
    """One worker doesn't use up another one's limit."""
    polling = FairPolling(LIMIT)
    assert run(polling, [0, 1, 2, 3, 4]) == [0, 1, 2, 3]
    with ThreadPoolExecutor(1) as other:
        assert other.submit(run, polling, [4, 5]).result() == [4, 5]


def test_a_partition_that_may_not_poll_reads_nothing_and_asks_again_at_once() -> None:
    """With None as its time to wake, those that are due at once would always come first."""
    first, second = two_partitions([0] * LIMIT + [1] * LIMIT)
    assert sizes(first.next_batch()) == [BATCH] * 4
    assert sizes(second.next_batch()) == []
    awake = second.next_awake()
    assert awake is not None
    assert awake <= datetime.now(UTC)
    assert sizes(second.next_batch()) == [BATCH] * 4


def test_the_next_partition_polls_only_what_remains_of_the_limit() -> None:
    """Or one batch, if that is more: together they exceed the limit by a batch at most."""
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
        backlog: the partition of each record that can be read.
    """
    messages = [
        Message(topic="logins", partition=partition, offset=offset, value=b"{}")
        for offset, partition in enumerate(backlog)
    ]
    return open_partitions(messages, (0, 1), BATCH, LIMIT)


@pytest.fixture(autouse=True)
def _health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
