"""What an input partition makes of its client's records, and says of the errors among them."""

import time
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, KafkaError, Message

from connectors.partition_ends import CommittedEnd, PartitionEnds
from monitoring.health import Health
from tests.support.input_partitions import open_partitions


@pytest.mark.parametrize(("partition", "place"), [(1, "logins, partition 1"), (-1, "logins")])
def test_an_error_is_reported_with_its_topic_and_partition(
    monkeypatch: pytest.MonkeyPatch, partition: int, place: str
) -> None:
    """A worker's partitions share a client: an error about all is not reported for one."""

    def stop(line: str) -> None:
        raise SystemExit(line)

    monkeypatch.setattr("connectors.input_partition.stop_process", stop)
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    error = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)
    message = Message(topic="logins", partition=partition, offset=0, error=error)
    [reading] = open_partitions([message], [1], 10, 10)
    with pytest.raises(SystemExit, match=f"^{place}: reading failed: .*lacks a permission"):
        reading.next_batch()


def test_record_times_are_emitted_as_they_were_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one in seconds, and -1 for none: the source doesn't decide whether it is usable."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    stamps = [
        (TIMESTAMP_CREATE_TIME, 1_720_622_216_000),
        (TIMESTAMP_CREATE_TIME, 1_720_622_216),
        (TIMESTAMP_NOT_AVAILABLE, 0),
    ]
    messages = [
        Message(topic="logins", partition=0, offset=offset, value=b"", timestamp=stamp)
        for offset, stamp in enumerate(stamps)
    ]
    [reading] = open_partitions(messages, [0], 10, 10)
    [batch] = reading.next_batch()
    assert batch.timestamps == [1_720_622_216_000, 1_720_622_216, -1]


def test_batch_does_not_cover_what_comes_in_a_later_batch_of_the_same_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dead letters alone in the first would make the partition idle before its logins are seen."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    messages = [
        Message(topic="logins", partition=0, offset=offset, value=b"") for offset in range(4)
    ]
    end = CommittedEnd(asked_at=time.monotonic() + 3_600, offset=4)
    ends = cast("PartitionEnds", SimpleNamespace(of=lambda _partition: end))
    [reading] = open_partitions(messages, [0], batch_size=2, limit=10, ends=ends)
    batches = reading.next_batch()
    assert [list(batch.offsets) for batch in batches] == [[0, 1], [2, 3]]
    assert all(batch.coverage.until < end.asked_at for batch in batches)
    [news] = reading.next_batch()
    assert (list(news.offsets), news.coverage.until) == ([], end.asked_at)


def test_partition_that_is_polled_every_ten_seconds_is_followed_without_a_break(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the longest BATCH_INTERVAL_MS, the reported silence still reaches the idle time."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    monkeypatch.setenv("BATCH_INTERVAL_MS", "10000")
    monkeypatch.setenv("IDLE_PARTITION_SECONDS", "20")
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(
        "connectors.input_partition.time", SimpleNamespace(monotonic=lambda: clock.now)
    )
    asked = CommittedEnd(asked_at=0.0, offset=0)
    ends = cast("PartitionEnds", SimpleNamespace(of=lambda _partition: asked))
    [reading] = open_partitions([], [0], 10, 10, ends)
    told = []
    for clock.now in (0.0, 10.0, 20.0, 30.0, 40.0):
        told += [batch.coverage for batch in reading.next_batch()]
        asked = CommittedEnd(asked_at=clock.now, offset=0)
    assert [(coverage.since, coverage.until) for coverage in told] == [(0, 10), (0, 20)]


def test_partition_that_ends_closes_the_client_that_asked_for_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that is left to the garbage collector could abort the process."""
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    closed: list[bool] = []
    ends = cast("PartitionEnds", SimpleNamespace(close=lambda: closed.append(True)))
    [reading] = open_partitions([], [0], 10, 10, ends)
    reading.close()
    assert closed == [True]
