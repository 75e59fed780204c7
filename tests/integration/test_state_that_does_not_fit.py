"""State, progress and topics that contradict each other: the flow stops and says why."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from confluent_kafka import Producer

from connectors.connection import Connection
from connectors.progress import ProgressReader, progress_key
from connectors.topics import FlowTopics
from models import Progress
from settings import Settings
from tests.support.flow import Flow
from tests.support.logins import numbers, records
from tests.support.waiting import wait_until


def stopped(flow: Flow, *options: str, **settings: str) -> str:
    """Run the flow, see that it stops by itself with status 1, and return what it printed."""
    with flow.running(*options, **settings) as process:
        assert process.wait(60) == 1, process.output()
    assert "Traceback" not in process.output()
    return process.output()


def test_an_input_topic_made_again_stops_the_start(flow: Flow) -> None:
    """The progress of a deleted topic means nothing for a new one of the same name."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    flow.back_fill(recovery=False)
    flow.topics.delete(flow.input)
    wait_until(lambda: flow.topics.describe(flow.input)["error_code"] != 0, "the topic is gone")
    flow.topics.make(flow.input)
    output = stopped(flow)
    assert "tells of another input" in output
    assert "new KAFKA_GROUP_ID" in output


def test_a_recovery_folder_of_another_group_stops_the_start(flow: Flow) -> None:
    """A snapshot that is ahead of the group's progress would leave a gap in the outputs."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    flow.back_fill()
    flow.group += "-other"
    output = stopped(flow, *flow.recovery_options())
    assert "the folder is of another group, or the progress topic was deleted" in output


def test_a_second_flow_on_the_same_group_fences_the_first(flow: Flow) -> None:
    """Of two flows on one group the older stops and says so; the newer goes on; nothing twice."""
    flow.topics.make(flow.input)
    with flow.running() as older:
        flow.topics.send(flow.input, records(range(100)))
        wait_until(lambda: len(flow.outputs()) == 100, "the first outputs")
        with flow.running() as newer:
            newer.wait_for_text("report: 100 logins")
            flow.topics.send(flow.input, records(range(100, 200)))
            assert older.wait(60) == 1
            assert "this process may write no more" in older.output()
            wait_until(lambda: len(flow.outputs()) == 200, "the newer flow's outputs")
            assert newer.stop() == 0
    assert numbers(flow.outputs()) == list(range(200))


def test_progress_is_found_behind_aborted_transactions(flow: Flow) -> None:
    """The last committed progress record counts, however many aborted ones follow it."""
    topics = FlowTopics(flow.input, "id", 1, "", "", flow.progress_topic, 0, 0)
    flow.topics.make(flow.progress_topic, partitions=1)
    reader = ProgressReader(Connection(Settings(kafka_bootstrap_servers=flow.servers)), topics)
    assert reader.last(0) is None
    with progress_writer(flow) as write:
        write(7, commit=False)
        assert reader.last(0) is None
        write(42, commit=True)
        for offset in range(100, 150):
            write(offset, commit=False)
    assert reader.last(0) == Progress(flow.input, "id", 0, offset=42, start=0)


@contextmanager
def progress_writer(flow: Flow) -> Iterator[Callable[..., None]]:
    """Give a function that writes a progress record in a transaction of its own."""
    producer = Producer({"bootstrap.servers": flow.servers, "transactional.id": flow.name})
    producer.init_transactions(30)

    def write(offset: int, *, commit: bool) -> None:
        producer.begin_transaction()
        record = Progress(flow.input, "id", 0, offset=offset, start=0)
        producer.produce(
            flow.progress_topic, msgspec.json.encode(record), progress_key(flow.input, 0)
        )
        producer.flush()
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)

    yield write
