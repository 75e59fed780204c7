"""Opens clients of librdkafka; the caller closes them as soon as it is done with them.

None may be left to Python's garbage collector. librdkafka calls Python in its own threads (with
an admin client's answers, or for a login token), and garbage may be collected there as in any other
thread; but a client that is destroyed in its own thread aborts the process ("rd_kafka_destroy()
called from librdkafka owned thread",
https://github.com/confluentinc/confluent-kafka-python/pull/2131). A client becomes
garbage easily: the exception of a failed request holds the frame of the function that sent it, and
that frame holds the client and, through its answers, the exception.

A closed client is only a shell, which may be collected anywhere.
"""

from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient as _AdminClient

from connectors.connection import Connection

__all__ = ["RECONNECTING", "AdminClient", "open_admin", "open_consumer", "open_producer"]

# For a client that lives as long as the flow: the default, 10 s, is long when the broker is back.
RECONNECTING = {"reconnect.backoff.max.ms": 2_000}


class AdminClient(_AdminClient):
    """An admin client that can be closed, as a consumer and a producer can."""

    def close(self) -> None:
        """Abandon unanswered requests, and end the client's threads; may be called twice.

        No other thread may use the client meanwhile, and its own callbacks must not call this.
        """
        self.__exit__(None, None, None)


def open_admin(
    connection: Connection, configuration: dict[str, Any] | None = None, **callbacks: Any
) -> AdminClient:
    """Return an admin client, to be used in a `with` block or closed in a `finally`.

    Args:
        connection: where the brokers are and how to log in there.
        configuration: what the client needs beyond that.
        callbacks: for errors and log lines; usually client_log.client_options.

    Raises:
        KafkaException: a client can't be made of this configuration.
    """
    return AdminClient({**connection.librdkafka(), **(configuration or {})}, **callbacks)


def open_consumer(
    connection: Connection, configuration: dict[str, Any], **callbacks: Any
) -> Consumer:
    """Return a consumer; arguments and errors as for open_admin."""
    return Consumer({**connection.librdkafka(), **configuration}, **callbacks)


def open_producer(
    connection: Connection, configuration: dict[str, Any], **callbacks: Any
) -> Producer:
    """Return a producer; arguments and errors as for open_admin.

    It is closed only after all that was sent is written: its `close` waits for that, and for an
    open transaction's abort, for as long as Kafka is away. After a failure the process ends.
    """
    return Producer({**connection.librdkafka(), **configuration}, **callbacks)
