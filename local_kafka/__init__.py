"""A real Apache Kafka broker for a laptop or a test, from pip packages alone."""

from local_kafka.broker import LocalKafka
from local_kafka.errors import LocalKafkaError

__all__ = ["LocalKafka", "LocalKafkaError"]
