"""Whether brokers answer: asked beside the flow's work, which stands still while they don't."""

import time
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from background import run_in_background
from connectors.client_log import client_options
from connectors.connection import Connection

__all__ = ["answers", "watch_brokers"]

PAUSE_SECONDS = 5.0
REQUEST_SECONDS = 5.0


def watch_brokers(connection: Connection, heard: Callable[[], None]) -> None:
    """Ask every 5 seconds, in a thread, and tell of each answer.

    Not the flow's own clients: they are served by workers, and a worker that has nothing to write
    stands still, too, when another one of its cluster waits for Kafka.

    Args:
        connection: where the brokers are and how to log in there.
        heard: is called after each answer, in that thread.
    """
    run_in_background("reach", partial(_watch, connection, heard))


def answers(admin: AdminClient) -> bool:
    """Ask for the cluster's description, which takes no permission, and tell whether it came."""
    try:
        admin.describe_cluster(request_timeout=REQUEST_SECONDS).result()
    except KafkaException:
        return False
    return True


def _watch(connection: Connection, heard: Callable[[], None]) -> NoReturn:
    admin = AdminClient(
        {**connection.librdkafka(), "reconnect.backoff.max.ms": 2_000}, **client_options(connection)
    )
    while True:
        if answers(admin):
            heard()
        admin.poll(0)  # serves the client's log lines and errors
        time.sleep(PAUSE_SECONDS)
