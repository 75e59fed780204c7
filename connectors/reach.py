"""Whether brokers answer: asked beside the flow's work, which stands still while they don't."""

import atexit
from collections.abc import Callable
from functools import partial
from threading import Event, Thread

from background import run_in_background
from connectors.client_log import client_options
from connectors.clients import open_admin
from connectors.connection import Connection

__all__ = ["watch_brokers"]

PAUSE_SECONDS = 5.0
REQUEST_SECONDS = 5.0
POLL_SECONDS = 0.1  # how soon the end of the process is seen while a broker doesn't answer


def watch_brokers(connection: Connection, heard: Callable[[], None]) -> None:
    """Ask every 5 seconds, in a thread, and tell of each answer.

    Not the flow's own clients: they are served by workers, and a worker that has nothing to write
    stands still, too, when another one of its cluster waits for Kafka.

    Args:
        connection: where the brokers are and how to log in there.
        heard: is called after each answer, in that thread.
    """
    ending = Event()
    watch = run_in_background("reach", partial(_watch, connection, heard, ending), ending)
    atexit.register(_end, watch, ending)


def _end(watch: Thread, ending: Event) -> None:
    """End the watch before the interpreter, which an answer may not meet half taken down."""
    ending.set()
    watch.join()


def _watch(connection: Connection, heard: Callable[[], None], ending: Event) -> None:
    reconnect = {"reconnect.backoff.max.ms": 2_000}
    with open_admin(connection, reconnect, **client_options(connection)) as admin:
        while not ending.is_set():
            # The cluster's description, since it takes no permission.
            asked = admin.describe_cluster(request_timeout=REQUEST_SECONDS)
            while not asked.done() and not ending.wait(POLL_SECONDS):
                pass
            if asked.done() and asked.exception() is None:
                heard()
            admin.poll(0)  # serves the client's log lines and errors
            ending.wait(PAUSE_SECONDS)
