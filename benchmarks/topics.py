"""The topics of a run: made, read to their end, and deleted."""

import time
from collections.abc import Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from kafka import KafkaAdminClient

__all__ = ["committed", "delete", "make"]

REQUEST_SECONDS = 30.0
POLL_SECONDS = 0.2
READ_SECONDS = 600.0  # several million records, with other work on the machine
AT_ONCE = 10_000


def make(servers: str, topic: str, partitions: int, **configs: str) -> None:
    """Make a topic that keeps its records, and return when it can be used."""
    options = {
        "num_partitions": partitions,
        "replication_factor": 1,
        # By their event time the records are old, and a broker deletes old ones.
        "configs": {"retention.ms": "-1", **configs},
    }
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        admin.create_topics({topic: options}, wait_for_metadata=True)


def delete(servers: str, prefix: str) -> None:
    """Delete the topics whose names begin so."""
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        found = [topic for topic in admin.list_topics() if topic.startswith(prefix)]
        if found:
            admin.delete_topics(found)


def committed(servers: str, topic: str) -> Iterator[Message]:
    """Give the committed records of a topic that nobody writes to, each partition's in order.

    Raises:
        KafkaException: the topic can't be read.
        RuntimeError: the broker stopped answering before the end.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "benchmarks-check",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 20,
        }
    )
    try:
        yield from _to_the_end(consumer, topic)
    finally:
        consumer.close()


def _to_the_end(consumer: Consumer, topic: str) -> Iterator[Message]:
    partitions = consumer.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic].partitions
    left = set(partitions)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in left])
    deadline = time.monotonic() + READ_SECONDS
    while left:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{topic}: not read to its end in {READ_SECONDS:.0f} s")
        messages = consumer.consume(AT_ONCE, POLL_SECONDS)
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise KafkaException(error)
