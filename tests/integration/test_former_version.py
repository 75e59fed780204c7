"""An upgrade fences processes of the version before, whose transactional ids had hyphens."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import msgspec
import pytest

from connectors import sink, upserts
from connectors.connection import Connection
from connectors.group_offsets import GroupOffsets
from connectors.hanging import open_among
from connectors.progress import progress_key
from connectors.sink import TransactionalKafkaSink
from connectors.topics import FlowTopics, prepare_topics
from connectors.upserts import UpsertSink
from connectors.writers import TransactionalWriter, open_transactional_writer
from models import Progress
from records import OutputBatch
from settings import Settings
from tests.support.flow import Flow
from tests.support.hanging import leave_hanging
from tests.support.stopped import StoppedError, stop

pytestmark = pytest.mark.usefixtures("stopping")

FENCED = "this process may no longer write"


@pytest.fixture
def settings(flow: Flow) -> Settings:
    """The flow's settings."""
    return flow.as_settings()


@pytest.fixture
def topics(flow: Flow, settings: Settings) -> FlowTopics:
    """The flow's topics, of one partition each."""
    flow.topics.make(flow.input, partitions=1)
    return prepare_topics(settings, Event())


def open_sink(settings: Settings, topics: FlowTopics) -> sink._Partition:
    """Open the sink's partition as a start does."""
    offsets = GroupOffsets(settings, topics)
    return TransactionalKafkaSink(settings, topics, offsets).build_part("write", "00000", None)


def open_former(settings: Settings, topic: str, part: str) -> TransactionalWriter:
    """Open a writer as the version before did."""
    former = f"{settings.kafka_group_id}-{topic}-{part}"
    return open_transactional_writer(settings, former, "former", [1_000_000], stop)


def write_former(former: TransactionalWriter, topics: FlowTopics, offset: int) -> None:
    """Commit an output and progress as the version before wrote it."""
    progress = {
        "topic": topics.input,
        "topic_id": topics.input_id,
        "partition": 0,
        "offset": offset,
        "start": 0,
        "version": 1,
    }
    key, value = progress_key(topics.input, 0), msgspec.json.encode(progress)
    former.write(
        lambda: former.send_all(topics.output, [{"key": "k", "value": str(offset)}]),
        lambda: former.send(topics.progress, 0, key, value, []),
    )
    former.wait()


def upsert_former(former: TransactionalWriter, topics: FlowTopics) -> None:
    """Commit an upsert as the version before did."""
    former.write(lambda: former.send_all(topics.upserts, [{"key": "k", "value": b"old"}]))
    former.wait()


@contextmanager
def not_fenced_again(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where a former version is fenced."""

    def fail(*_: object) -> None:
        raise AssertionError("it was fenced before")

    with monkeypatch.context() as patches:
        patches.setattr(sink, "fence_previous_version", fail)
        patches.setattr(upserts, "fence_previous_version", fail)
        yield


def test_a_process_of_the_former_version_that_was_asleep_writes_nothing_more(
    flow: Flow, settings: Settings, topics: FlowTopics
) -> None:
    """What it had committed counts; what it had not can no longer be written."""
    asleep = open_former(settings, topics.input, "0")
    write_former(asleep, topics, 10)
    part = open_sink(settings, topics)
    with pytest.raises(StoppedError, match=FENCED):
        write_former(asleep, topics, 20)
    part.write_batch([OutputBatch(topics.input, 0, 0, 10, [9], [{"key": "k", "value": "again"}])])
    part.close()
    assert [record.value for record in flow.topics.read(flow.output)] == [b"10"]


def test_what_a_broker_failed_to_abort_of_the_former_version_is_aborted(
    flow: Flow, settings: Settings, topics: FlowTopics
) -> None:
    """Only under the former id can it be."""
    former = f"{flow.group}-{flow.input}-0"
    leave_hanging(flow.servers, former, topics.progress, 0, b"former life", b"{}")
    part = open_sink(settings, topics)
    part.close()
    places = TransactionalKafkaSink(settings, topics, GroupOffsets(settings, topics))._places(0)
    assert open_among(places, Connection(settings)) == []


def test_progress_that_names_its_id_shows_that_the_former_version_was_fenced(
    flow: Flow, settings: Settings, topics: FlowTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the second start on it costs nothing."""
    part = open_sink(settings, topics)
    part.write_batch([OutputBatch(topics.input, 0, 0, 10, [], [])])
    part.close()
    [record] = flow.topics.read(flow.progress_topic)
    progress = msgspec.json.decode(record.value, type=Progress)
    assert progress.transactional_id == f"{flow.group}/{flow.input}/0"
    with not_fenced_again(monkeypatch):
        open_sink(settings, topics).close()


def test_upserts_of_a_process_of_the_former_version_are_fenced(
    settings: Settings, topics: FlowTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: the recovery folder holds that it was done."""
    asleep = open_former(settings, topics.upserts, "upserts")
    upsert_sink = UpsertSink(settings, topics)
    state: Any = upsert_sink.build_part("upsert", "upserts", None).snapshot()
    with pytest.raises(StoppedError, match=FENCED):
        upsert_former(asleep, topics)
    with not_fenced_again(monkeypatch):
        upsert_sink.build_part("upsert", "upserts", state).close()
