"""An independent view of the topics: kafka-python writes and reads them, not the flow's client."""

from collections.abc import Iterable
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

READ_SECONDS = 120.0


class Topics:
    """Makes, fills and reads topics of a broker."""

    def __init__(self, servers: str) -> None:
        self._servers = servers

    def make(self, topic: str, partitions: int = 4, **configs: str) -> None:
        """Make a topic and return when it can be used."""
        options = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            admin.create_topics({topic: options}, wait_for_metadata=True)

    def delete(self, topic: str) -> None:
        """Delete a topic."""
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            admin.delete_topics([topic])

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic more partitions."""
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            admin.create_partitions({topic: partitions})

    def forget(self, topic: str, before: dict[int, int]) -> None:
        """Delete a topic's records before these offsets, as retention does."""
        offsets = {TopicPartition(topic, part): offset for part, offset in before.items()}
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            admin.delete_records(offsets)

    def describe(self, topic: str) -> dict[str, Any]:
        """Return a topic's metadata."""
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            found: dict[str, Any] = admin.describe_topics([topic])[0]
            return found

    def config(self, topic: str, name: str) -> str:
        """Return one of a topic's configuration values."""
        from kafka.admin import ConfigResource, ConfigResourceType

        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            found = admin.describe_configs([resource], config_filter="all")
        return str(found["topic"][topic][name]["value"])

    def group_offsets(self, group: str, topic: str) -> dict[int, int]:
        """Return what an ordinary lag tool sees: the group's committed offset by partition."""
        with KafkaAdminClient(bootstrap_servers=self._servers) as admin:
            found = admin.list_group_offsets([group])[group]
        return {at.partition: value.offset for at, value in found.items() if at.topic == topic}

    def send(self, topic: str, records: Iterable[dict[str, Any]]) -> None:
        """Send records (keyword arguments of KafkaProducer.send) and wait for every answer."""
        producer = KafkaProducer(
            bootstrap_servers=self._servers,
            linger_ms=20,
            compression_type="lz4",
            max_request_size=10_000_000,
        )
        answers = [producer.send(topic, **record) for record in records]
        producer.flush()
        for answer in answers:
            answer.get(timeout=READ_SECONDS)
        producer.close()

    def ends(self, topic: str) -> dict[int, int]:
        """Return each partition's end offset for a reader of committed records."""
        with self._consumer() as consumer:
            ends = consumer.end_offsets(_partitions(consumer, topic))
        return {at.partition: offset for at, offset in ends.items()}

    def read(self, topic: str) -> list[Any]:
        """Return all committed records of a topic, in order; none if it is not there."""
        with self._consumer() as consumer:
            parts = _partitions(consumer, topic)
            if not parts:
                return []
            ends = consumer.end_offsets(parts)
            consumer.assign(parts)
            consumer.seek_to_beginning(*parts)
            records = []
            while any(consumer.position(part) < ends[part] for part in parts):
                for polled in consumer.poll(timeout_ms=200, max_records=5000).values():
                    records += polled
        return sorted(records, key=lambda record: (record.partition, record.offset))

    def _consumer(self) -> KafkaConsumer:
        return KafkaConsumer(
            bootstrap_servers=self._servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )


def _partitions(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    found = consumer.partitions_for_topic(topic) or set()
    return [TopicPartition(topic, partition) for partition in sorted(found)]
