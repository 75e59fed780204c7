"""Upserts: all of them are there before the snapshot that covers them, or the process ends."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from connectors import upserts
from connectors.upserts import UpsertSink
from records import OutputRecord
from settings import Settings
from tests.support.flow import Flow
from tests.support.input_partitions import FLOW_TOPICS
from tests.support.stopped import StoppedError

pytestmark = pytest.mark.usefixtures("stopping")

DEFAULT_LIMIT = 1_048_588  # Kafka's
GUARANTEES = ["exactly_once", "at_least_once"]


def open_part(flow: Flow, guarantee: Any = "exactly_once", limit: int = DEFAULT_LIMIT) -> Any:
    """Open the sink's partition to a topic of the test's own."""
    settings = Settings(
        kafka_bootstrap_servers=flow.servers,
        kafka_group_id=flow.group,
        delivery_guarantee=guarantee,
    )
    topics = replace(FLOW_TOPICS, upserts=flow.insights_topic, largest_upsert=limit)
    return UpsertSink(settings, topics).build_part("step", "upserts", None)


def write(part: Any, values: list[bytes]) -> None:
    """Write records at once, and wait for them as a snapshot does."""
    records: list[OutputRecord] = [
        {"key": str(number), "value": value} for number, value in enumerate(values)
    ]
    part.write_batch(records)
    part.snapshot()


def noise(count: int, size: int) -> list[bytes]:
    """Return values that can't be compressed."""
    random = Random(1)  # noqa: S311 - test data
    return [random.randbytes(size) for _ in range(count)]


def written(flow: Flow) -> list[bytes]:
    """Return the values on the topic."""
    return [record.value for record in flow.topics.read(flow.insights_topic)]


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_flood_is_written_whole(flow: Flow, guarantee: str) -> None:
    """More at once than the client queues unless it is told otherwise."""
    flow.topics.make(flow.insights_topic, partitions=1)
    part = open_part(flow, guarantee)
    write(part, [b"value"] * 100_001)
    part.close()
    assert len(written(flow)) == 100_001


def test_a_flood_is_several_transactions(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is over in time; records keep their order, and none is left out."""
    monkeypatch.setattr(upserts, "TRANSACTION_BYTES", 1_000)
    flow.topics.make(flow.insights_topic, partitions=1)
    values = noise(30, 99)
    write(open_part(flow), values)
    records = flow.topics.read(flow.insights_topic)
    assert [record.value for record in records] == values
    # A commit marker takes an offset of its own.
    assert [record.offset for record in records] == [n + n // 10 for n in range(30)]


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_records_are_sent_in_batches_that_the_topic_takes(flow: Flow, guarantee: str) -> None:
    """A topic may take less at a time than the client sends unless it is told otherwise."""
    flow.topics.make(flow.insights_topic, partitions=1, **{"max.message.bytes": "2000"})
    values = noise(100, 300)
    write(open_part(flow, guarantee, limit=2_000), values)
    assert written(flow) == values


def test_a_record_that_the_topic_takes_is_written_however_large(flow: Flow) -> None:
    """More than the client takes unless it is told otherwise."""
    limit = 3_000_000
    flow.topics.make(flow.insights_topic, partitions=1, **{"max.message.bytes": str(limit)})
    values = noise(1, 2_000_000)
    write(open_part(flow, limit=limit), values)
    assert written(flow) == values


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_record_that_the_topic_refuses_is_not_passed_over(flow: Flow, guarantee: str) -> None:
    """The process ends before the snapshot that would say it is written, and says what to do."""
    flow.topics.make(flow.insights_topic, partitions=1, **{"max.message.bytes": "2000"})
    part = open_part(flow, guarantee, limit=2_000)
    line = f"too large for topic {flow.insights_topic} .*: raise the topic's max.message.bytes"
    with pytest.raises(StoppedError, match=line):
        write(part, noise(1, 10_000))


def test_a_writer_that_was_replaced_can_write_no_more(flow: Flow) -> None:
    """A process that only slept must not put old windows over newer ones."""
    flow.topics.make(flow.insights_topic, partitions=1)
    sleeper = open_part(flow)
    write(sleeper, [b"1"])
    write(open_part(flow), [b"2"])
    with pytest.raises(StoppedError, match="may no longer write"):
        write(sleeper, [b"old"])
    assert written(flow) == [b"1", b"2"]
