"""What an input partition says of the errors that its client hands it among the records."""

from threading import Event
from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from connectors.input_partition import End, InputPartition
from connectors.resume import Position
from connectors.turns import Turns
from connectors.worker_consumer import WorkerConsumer
from settings import Settings


@pytest.mark.parametrize(("partition", "place"), [(1, "logins, partition 1"), (-1, "logins")])
def test_an_error_is_told_with_its_place(
    monkeypatch: pytest.MonkeyPatch, partition: int, place: str
) -> None:
    """A worker's partitions share a client: what is wrong with all is not said of one."""

    def stop(line: str) -> None:
        raise SystemExit(line)

    monkeypatch.setattr("connectors.input_partition.stop_process", stop)
    error = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)
    reading = open_partition(Message(topic="logins", partition=partition, offset=0, error=error))
    with pytest.raises(SystemExit, match=f"^{place}: reading failed: .*lacks a permission"):
        reading.next_batch()


def open_partition(message: Message) -> InputPartition:
    """Open a worker's only partition, whose client has one message."""
    consumer = WorkerConsumer(cast("Consumer", OneMessage(message)), "logins", 10)
    consumer.begin(1, 0)
    return InputPartition(
        consumer,
        TopicPartition("logins", 1),
        Position(offset=0, start=0),
        {"version": 1, "topic_id": "id", "start": 0, "next_offset": None},
        Settings(),
        End(),
        Turns(10),
        Event(),
    )


class OneMessage:
    """The client's part that this takes."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def incremental_assign(self, _begin: list[TopicPartition]) -> None:
        """Be ready."""

    def consume(self, _count: int, _seconds: float) -> list[Message]:
        """Return the message."""
        return [self._message]
