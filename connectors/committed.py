"""Committed records of partitions, read without a consumer group."""

import math
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any, NoReturn, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.clients import open_consumer
from connectors.connection import Connection
from connectors.refusals import RefusedError, denied
from records import ConsumedRecord

__all__ = ["CommittedReader", "open_committed_consumer", "partitions"]

POLL_SECONDS = 0.2  # how soon a stop is noticed
METADATA_SECONDS = 2.0  # one attempt to reach a broker
REQUEST_SECONDS = 5.0
DEADLINE_SECONDS = 60.0  # a starting broker needs a while to load its data
# How long the broker holds a request at the end of the committed records before it answers. Nothing
# here waits for new records, but other requests wait for this one: by default, half a second.
END_WAIT_MS = 10
READ_AHEAD_BYTES = 16 * 1024 * 1024  # bounds the client's memory, whatever the topics hold
FIRST_LOOK_BACK = (
    16  # offsets: a record and its commit marker take two, so one attempt is usually enough
)
LOOK_BACK_GROWTH = 8
OPTIONS = {
    "group.id": "committed-reader",  # required by the client; no group is joined
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    # Reports when everything committed was read. A position doesn't: after it is reassigned to an
    # earlier offset, the client may for a while still return its former position.
    "enable.partition.eof": True,
    # Only if retention or a lost disk has just removed records: the remaining ones are read.
    "auto.offset.reset": "earliest",
    "queued.max.messages.kbytes": READ_AHEAD_BYTES // 1024,
    "fetch.max.bytes": READ_AHEAD_BYTES,
}


def open_committed_consumer(
    connection: Connection, end_wait_ms: int = END_WAIT_MS, **callbacks: Any
) -> Consumer:
    """Return a consumer of committed records that joins no group, to be closed by the caller.

    Args:
        connection: how to reach the brokers.
        end_wait_ms: how long the broker may hold a request for records that aren't there yet.
        callbacks: as in clients.open_consumer.
    """
    return open_consumer(connection, {**OPTIONS, "fetch.wait.max.ms": end_wait_ms}, **callbacks)


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """Return a topic's partitions, none if there is no such topic.

    Raises:
        KafkaException: no broker answers.
        RefusedError: the topic may not be described.
    """
    metadata = consumer.list_topics(topic, timeout=METADATA_SECONDS).topics[topic]
    if metadata.error is not None and denied(metadata.error):
        raise RefusedError(f"topic {topic}: {metadata.error.str()}{denied(metadata.error)}")
    return [] if metadata.error is not None else sorted(metadata.partitions)


class CommittedReader:
    """Reads committed records of partitions up to their end, or as they come.

    Args:
        consumer: of open_committed_consumer.
        stop: called with one line when reading can't continue.
        draining: ends all reading when set.
        silence_seconds: how long `read` waits for a broker that doesn't answer.
    """

    def __init__(
        self,
        consumer: Consumer,
        stop: Callable[[str], NoReturn],
        draining: Event | None = None,
        silence_seconds: float = math.inf,
    ) -> None:
        self._consumer = consumer
        self._stop = stop
        self._draining = draining or Event()
        self._silence_seconds = silence_seconds

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """Return a partition's first offset and the end of what is committed."""
        where = TopicPartition(topic, partition)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._draining.is_set():
            try:
                return self._consumer.get_watermark_offsets(where, timeout=REQUEST_SECONDS)
            except KafkaException as error:
                # The client calls nothing retriable here, not even an unknown leader.
                cause: KafkaError = error.args[0]
                if denied(cause) or time.monotonic() > deadline:
                    self._fail(topic, cause)
                self._consumer.poll(POLL_SECONDS)  # serves its errors: a refused login ends here
        return 0, 0

    def read(self, begin: TopicPartition, end: int) -> Iterator[ConsumedRecord]:
        """Yield a partition's committed records from one offset on, up to before another."""
        if begin.offset >= end:
            return
        self._consumer.assign([begin])
        # The last offsets may be those of control records, which are never returned: then the
        # client reports the end.
        for message in self._messages(begin.topic, self._silence_seconds):
            if message.error() is not None or (message.offset() or 0) >= end:
                return
            yield cast("ConsumedRecord", message)

    def last(self, topic: str, partition: int) -> bytes | None:
        """Return the value of a partition's last committed record that has one, None without any.

        It looks back from the end in growing steps until there is one.
        """
        low, end = self.bounds(topic, partition)
        step, begin = FIRST_LOOK_BACK, end
        while begin > low:
            begin = max(low, end - step)
            records = self.read(TopicPartition(topic, partition, begin), end)
            values = [value for record in records if (value := record.value()) is not None]
            if values:
                return values[-1]
            step *= LOOK_BACK_GROWTH
        return None

    def follow(self, begins: list[TopicPartition]) -> Iterator[ConsumedRecord]:
        """Yield the committed records of a topic's partitions from these offsets on, forever."""
        self._consumer.assign(begins)
        for message in self._messages(begins[0].topic, math.inf):
            if message.error() is None:
                yield cast("ConsumedRecord", message)

    def _messages(self, topic: str, silence_seconds: float) -> Iterator[Message]:
        """Yield records, and the errors by which the client reports a partition's end."""
        answered_at = time.monotonic()
        while not self._draining.is_set():
            message = self._consumer.poll(POLL_SECONDS)
            if message is None:
                if time.monotonic() - answered_at > silence_seconds:
                    self._stop(f"can't read topic {topic} to its end: Kafka stopped answering")
                continue
            answered_at = time.monotonic()
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                yield message
            elif not error.retriable():
                self._fail(topic, error)

    def _fail(self, topic: str, error: KafkaError) -> NoReturn:
        self._stop(f"can't read topic {topic}: {error.str()}{denied(error)}")
