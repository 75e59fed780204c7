"""How far the outputs of an input partition are written, as the progress topic has it."""

import time

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.client_log import SERVE_SECONDS, client_options
from connectors.clients import open_consumer
from connectors.connection import Connection
from connectors.refusals import denied
from connectors.stopping import stop_process
from connectors.topics import FlowTopics
from models import Progress

__all__ = ["ProgressReader", "progress_key"]

FIRST_LOOK_BACK = (
    16  # offsets: a record and its commit marker take two, so mostly one look is enough
)
LOOK_BACK_GROWTH = 8
READ_AT_ONCE = 1_000
READ_SECONDS = 0.02
END_WAIT_MS = 10
REQUEST_SECONDS = 5.0
DEADLINE_SECONDS = 60.0  # a broker that is starting needs a while to load what it has
READING = {
    "group.id": "progress-reader",  # required by the client; no group is joined
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    # Reports when everything committed was read. A position doesn't: after it is reassigned to an
    # earlier offset, the client may for a while still return its former position.
    "enable.partition.eof": True,
    # How long the broker holds a request at the end of the committed records before it says so; the
    # default, half a second each time, would be most of a restart.
    "fetch.wait.max.ms": END_WAIT_MS,
    "auto.offset.reset": "error",
}


def progress_key(topic: str, partition: int) -> str:
    """Return the key of an input partition's progress records."""
    return f"{topic}/{partition}"


class ProgressReader:
    """Reads the last committed progress record of input partitions."""

    def __init__(self, connection: Connection, topics: FlowTopics) -> None:
        self._topics = topics
        self._connection = connection

    def last(self, partition: int) -> Progress | None:
        """Return a partition's last committed progress, or None when there is none yet.

        A record of another input topic, or of a topic of the same name that was deleted since,
        stops the process: its offsets mean nothing here.
        """
        with open_consumer(
            self._connection, READING, **client_options(self._connection)
        ) as consumer:
            value = _last_value(consumer, self._topics.progress, partition)
        return None if value is None else self._checked(value, partition)

    def _checked(self, value: bytes, partition: int) -> Progress:
        topics = self._topics
        try:
            progress = msgspec.json.decode(value, type=Progress)
        except msgspec.DecodeError:
            stop_process(
                f"topic {topics.progress} holds a record that is no progress record: use another "
                "KAFKA_GROUP_ID, or start anew with a new one"
            )
        if progress.topic != topics.input or progress.topic_id != topics.input_id:
            stop_process(
                f"topic {topics.progress} tells of another input ({progress.topic}, id "
                f"{progress.topic_id}) than {topics.input}, id {topics.input_id}: a topic made "
                "again, or another INPUT_TOPIC, needs a new KAFKA_GROUP_ID and recovery folder"
            )
        if progress.partition != partition:
            stop_process(
                f"topic {topics.progress}, partition {partition}, holds the progress of partition "
                f"{progress.partition}: it was written by something else; use a new KAFKA_GROUP_ID"
            )
        return progress


def _last_value(consumer: Consumer, topic: str, partition: int) -> bytes | None:
    """Look back from the end in growing steps until a committed record is found."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    low, end = _bounds(consumer, TopicPartition(topic, partition), deadline)
    step, begin = FIRST_LOOK_BACK, end
    while begin > low:
        begin = max(low, end - step)
        values = _read(consumer, TopicPartition(topic, partition, begin), deadline)
        if values:
            return values[-1]
        step *= LOOK_BACK_GROWTH
    return None


def _bounds(consumer: Consumer, where: TopicPartition, deadline: float) -> tuple[int, int]:
    """Return a partition's first offset and the end of what is committed."""
    while True:
        try:
            low, end = consumer.get_watermark_offsets(where, timeout=REQUEST_SECONDS)
        except KafkaException as error:
            _judge(where.topic, error.args[0], deadline)
            consumer.poll(SERVE_SECONDS)
        else:
            return low, end


def _judge(topic: str, error: KafkaError, deadline: float) -> None:
    """Stop when it is no use to try again, or too late."""
    if denied(error) or time.monotonic() > deadline:
        stop_process(f"can't read the progress topic {topic}: {error.str()}{denied(error)}")


def _read(consumer: Consumer, begin: TopicPartition, deadline: float) -> list[bytes]:
    """Return the values of all committed records from `begin` on."""
    consumer.assign([begin])
    values: list[bytes] = []
    at_end = False
    while not at_end:
        for message in consumer.consume(READ_AT_ONCE, READ_SECONDS):
            if (error := message.error()) is not None:
                at_end |= error.code() == KafkaError._PARTITION_EOF
                if denied(error):
                    _judge(begin.topic, error, deadline)
            elif (value := message.value()) is not None:
                values.append(value)
        if time.monotonic() > deadline:
            stop_process(f"can't read the progress topic {begin.topic} to its end: is Kafka well?")
    return values
