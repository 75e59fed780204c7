"""What a writer says that can write no more, whichever of its calls learns of it first."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.connection import Connection
from connectors.writer import Writer
from connectors.writers import TransactionalWriter, open_writer
from records import OutputRecord
from settings import Settings
from tests.support.flow import Flow
from tests.support.stopped import StoppedError, stop
from tests.support.waiting import wait_until

LIMIT = 1_048_588  # Kafka's default
FENCED = "partition 0: this process may no longer write"


pytestmark = pytest.mark.usefixtures("stopping")


def send_one(writer: Writer, topic: str) -> None:
    """Send as dead letters and progress are sent."""
    writer.send(topic, 0, b"key", b"value", [])


def send_all(writer: Writer, topic: str) -> None:
    """Send as outputs are sent."""
    writer.send_all(topic, [{"key": "key", "value": b"value"}])


@pytest.mark.parametrize("send", [send_one, send_all])
def test_a_writer_that_was_replaced_says_so(
    flow: Flow, send: Callable[[Writer, str], None]
) -> None:
    """It learns of it while it sends: no error of the client travels through the engine."""
    flow.topics.make(flow.output)
    replaced = open_for(flow)
    open_for(flow)
    with pytest.raises(StoppedError, match=FENCED):
        replaced.write(lambda: send_until_refused(replaced, send, flow.output))


@pytest.mark.parametrize("count", [1, 1_000])
def test_a_writer_that_was_replaced_says_so_when_it_commits(flow: Flow, count: int) -> None:
    """However many undelivered records are reported together with the refusal."""
    flow.topics.make(flow.output)
    replaced = open_for(flow)
    open_for(flow)
    record: OutputRecord = {"key": "key", "value": b"value"}
    replaced.write(lambda: replaced.send_all(flow.output, [record] * count))
    with pytest.raises(StoppedError, match=FENCED):
        replaced.close()


def test_a_batch_that_the_client_refuses_is_told_with_its_reason(flow: Flow) -> None:
    """It is not taken for one that is too big for the queue."""
    flow.topics.make(flow.output)
    writer = open_for(flow)
    with pytest.raises(
        StoppedError,
        match=f"too large for topic {flow.output} .*: raise the topic.s max.message.bytes",
    ):
        writer.write(
            lambda: writer.send_all(flow.output, [{"key": "key", "value": b"x" * 2_000_000}])
        )


def test_a_writer_whose_records_timed_out_says_so() -> None:
    """After a long stand-still the commit counts the undelivered records, and they say why."""

    def produce(*_: object, on_delivery: Callable[..., None], **__: object) -> None:
        on_delivery(KafkaError(KafkaError._MSG_TIMED_OUT), SimpleNamespace(topic=lambda: "topic"))

    def commit(_seconds: float) -> NoReturn:
        raise KafkaException(KafkaError(KafkaError._INCONSISTENT))

    producer: Any = SimpleNamespace(
        begin_transaction=lambda: None, produce=produce, commit_transaction=commit
    )
    writer = TransactionalWriter(producer, "partition 0", Connection(Settings()), stop)
    writer.write(lambda: send_one(writer, "topic"))
    with pytest.raises(StoppedError, match=FENCED):
        writer.close()


def open_for(flow: Flow) -> Writer:
    """Open a writer; whoever was there before is replaced."""
    settings = Settings(kafka_bootstrap_servers=flow.servers)
    return open_writer(settings, flow.name, "partition 0", [LIMIT])


def send_until_refused(writer: Writer, send: Callable[[Writer, str], None], topic: str) -> None:
    """The broker's refusal comes a moment after the first record."""
    wait_until(lambda: send(writer, topic), "a refusal")
