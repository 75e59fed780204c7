"""A consumer for those who only look: committed records, no group, nothing stored."""

from typing import Any

from confluent_kafka import Consumer, KafkaException

from connectors.connection import Connection
from settings import Settings

__all__ = ["REQUEST_SECONDS", "client_configuration", "committed_consumer", "partitions"]

REQUEST_SECONDS = 2.0  # one try to reach a broker
FETCH_BYTES = 16_000_000  # read ahead: so much memory at most, whatever the topics hold


def client_configuration(settings: Settings) -> dict[str, Any]:
    """Return what every client here is made with: it comes back soon after a broker does."""
    return {
        **Connection(settings).librdkafka(),
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 0,  # its users tell themselves when the broker is away
        "error_cb": _unheard,
    }


def committed_consumer(settings: Settings) -> Consumer:
    """Return a consumer of committed records that joins no group and says when it is at an end."""
    return Consumer(
        {
            **client_configuration(settings),
            "group.id": "insights-reader",  # required by the client; no group is joined
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": FETCH_BYTES // 1_000,
            "fetch.wait.max.ms": 200,
        }
    )


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """Return a topic's partitions, none if it isn't there.

    Raises:
        KafkaException: no broker answers.
    """
    metadata = consumer.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic]
    return [] if metadata.error is not None else sorted(metadata.partitions)


def _unheard(_error: KafkaException) -> None:
    """Take an error that the client deals with by itself."""
