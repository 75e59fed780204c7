"""The group's offsets, committed for the eyes of lag tools only: nothing reads them back."""

from threading import Lock

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.client_log import client_options
from connectors.connection import Connection

__all__ = ["GroupOffsets"]


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
        self._consumer: Consumer | None = None

    def commit(self, partition: int, offset: int, *, wait: bool = False) -> None:
        """Commit that all outputs of a partition before an input offset are written.

        A commit that fails is let go: another member of the group, or a coordinator that is away,
        is no reason to stop, and the next commit makes it good.

        Args:
            partition: of the input.
            offset: the next one to be processed.
            wait: for the answer, since no later commit will come.
        """
        offsets = [TopicPartition(self._topic, partition, offset)]
        with self._lock:
            consumer = self._consumer = self._consumer or self._make_consumer()
            try:
                if wait:
                    consumer.commit(offsets=offsets, asynchronous=False)
                else:
                    consumer.commit(offsets=offsets, asynchronous=True)
                    consumer.poll(0)  # serves the answers to earlier commits
            except KafkaException:
                return

    def _make_consumer(self) -> Consumer:
        return Consumer(
            {
                **self._connection.librdkafka(),
                "group.id": self._group,
                "enable.auto.commit": False,
                # A coordinator that is away must not hold up a flow that ends.
                "socket.timeout.ms": 5_000,
            },
            **client_options(self._connection.servers),
        )
