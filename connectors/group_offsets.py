"""The group's offsets, committed for the eyes of lag tools only: nothing reads them back."""

import time
from threading import Lock

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.client_log import client_options
from connectors.connection import Connection

__all__ = ["GroupOffsets"]

COMMIT_EVERY_SECONDS = 1.0  # fresh enough for a person and for a metric; one request a second


class GroupOffsets:
    """Commits, for one process, how far the input is processed and written.

    Args:
        connection: where the brokers are.
        group: the consumer group under whose name a lag tool looks.
        topic: the input topic.
    """

    def __init__(self, connection: Connection, group: str, topic: str) -> None:
        self._connection = connection
        self._group = group
        self._topic = topic
        self._lock = Lock()
        self._written: dict[int, int] = {}
        self._next_commit = 0.0
        self._consumer: Consumer | None = None

    def written(self, partition: int, offset: int) -> None:
        """Note that all outputs of a partition before an input offset are written."""
        with self._lock:
            self._written[partition] = offset

    def commit(self, *, wait: bool = False) -> None:
        """Commit what was noted, at most once a second; at the end, wait for the answer."""
        with self._lock:
            if not self._written or (not wait and time.monotonic() < self._next_commit):
                return
            self._next_commit = time.monotonic() + COMMIT_EVERY_SECONDS
            offsets = [TopicPartition(self._topic, *item) for item in self._written.items()]
            self._written.clear()
            self._send(offsets, wait)

    def _send(self, offsets: list[TopicPartition], wait: bool) -> None:
        if self._consumer is None:
            self._consumer = Consumer(
                {
                    **self._connection.librdkafka(),
                    "group.id": self._group,
                    "enable.auto.commit": False,
                },
                **client_options(self._connection.servers),
            )
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=True)
                self._consumer.poll(0)  # serves the answers to earlier commits
        except KafkaException:
            # A member of the same group, or a coordinator that is away: the next commit, with
            # newer offsets, makes it good.
            return
