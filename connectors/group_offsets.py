"""The group's offsets, committed for the eyes of lag tools only: nothing reads them back."""

import time
from concurrent.futures import Future, wait
from threading import Lock

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.client_log import client_options
from connectors.connection import Connection

__all__ = ["GroupOffsets"]

REQUEST_SECONDS = 5.0
# How long a process that ends waits for the answers to its last commits, all partitions together.
LAST_ANSWERS_SECONDS = 3.0

Answer = Future[ConsumerGroupTopicPartitions]


class GroupOffsets:
    """Commits, for one process, how far the input is processed and written.

    Not by a consumer: its commit, and then even its end, waits for a group coordinator that is
    away without end, whatever time-outs are set.

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
        self._admin: AdminClient | None = None
        self._deadline: float | None = None

    def commit(self, partition: int, offset: int, *, last: bool = False) -> None:
        """Commit that all outputs of a partition before an input offset are written.

        A commit that fails is let go: another member of the group, or a coordinator that is away,
        is no reason to stop, and the next commit makes it good.

        Args:
            partition: of the input.
            offset: the next one to be processed.
            last: wait for the answer, though not for long, since no later commit will come.
        """
        with self._lock:
            self._admin = self._admin or self._make_client()
            offsets = [TopicPartition(self._topic, partition, offset)]
            request = [ConsumerGroupTopicPartitions(self._group, offsets)]
            answers: dict[str, Answer] = self._admin.alter_consumer_group_offsets(
                request, request_timeout=REQUEST_SECONDS
            )
            if last:
                self._deadline = self._deadline or time.monotonic() + LAST_ANSWERS_SECONDS
                wait(answers.values(), max(0.0, self._deadline - time.monotonic()))

    def _make_client(self) -> AdminClient:
        return AdminClient(
            self._connection.librdkafka(), **client_options(self._connection.servers)
        )
