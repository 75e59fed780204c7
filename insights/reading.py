"""A consumer for those who only look: committed records, no group, nothing stored."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError

from connectors.clients import AdminClient, open_admin, open_consumer
from connectors.connection import Connection
from connectors.refusals import RefusedError, denied, refusal

__all__ = ["REQUEST_SECONDS", "committed_consumer", "partitions", "quiet_admin"]

REQUEST_SECONDS = 2.0  # one try to reach a broker
FETCH_BYTES = 16_000_000  # read ahead: so much memory at most, whatever the topics hold


def quiet_admin(connection: Connection) -> AdminClient:
    """Return an admin client that behaves as the consumer does."""
    return open_admin(connection, _quiet(connection))


def committed_consumer(connection: Connection) -> Consumer:
    """Return a consumer of committed records that joins no group and says when it is at an end."""
    return open_consumer(
        connection,
        {
            **_quiet(connection),
            "group.id": "insights-reader",  # required by the client; no group is joined
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": FETCH_BYTES // 1_000,
            "fetch.wait.max.ms": 200,
        },
    )


def partitions(consumer: Consumer, topic: str) -> list[int]:
    """Return a topic's partitions, none if it isn't there.

    Raises:
        KafkaException: no broker answers.
        RefusedError: one does, but doesn't show the topic.
    """
    metadata = consumer.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic]
    if metadata.error is not None and denied(metadata.error):
        raise RefusedError(f"topic {topic}: {metadata.error.str()}{denied(metadata.error)}")
    return [] if metadata.error is not None else sorted(metadata.partitions)


def _quiet(connection: Connection) -> dict[str, Any]:
    """Return a client's options here: it reconnects soon after a broker is back.

    Once a broker refuses the client, the call that serves its errors raises RefusedError.
    """
    return {
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 0,  # callers report an unreachable broker themselves
        "error_cb": _on_error(connection),
    }


def _on_error(connection: Connection) -> Callable[[KafkaError], None]:
    def on_error(error: KafkaError) -> None:
        """Let through what the client won't mend by itself."""
        if why := refusal(error, connection):
            raise RefusedError(why)

    return on_error
