"""The Kafka clients' own log lines and errors, few enough to read."""

import logging
import time
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import KafkaError

from connectors.connection import Connection
from connectors.refusals import RefusedError, refusal
from connectors.stopping import stop_process

__all__ = [
    "CONNECT_SECONDS",
    "SERVE_SECONDS",
    "NotTooOften",
    "client_options",
    "quiet_options",
    "warn_that_kafka_is_away",
]

log = structlog.get_logger()

SERVE_SECONDS = 0.1  # how long a poll between two attempts serves a client's errors and log lines
# How long a new client is let to connect. What is asked of it before that, it asks when a timer of
# half a second, or of one to three, fires: measured, in a third of all starts of a partition.
CONNECT_SECONDS = 0.06
# For a client that somebody watches: the default, 10 s, is a long wait for a broker that is back.
WATCHED_RECONNECT_MS = 1_000
REPEAT_SECONDS = 60.0  # a broker that is away makes a line per connection and attempt


class NotTooOften(logging.Filter):
    """Lets a line through unless one of its kind came within REPEAT_SECONDS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Judge a line by its event (`FAIL`, ...): all clients of a process say the same."""
        event = record.args[0] if isinstance(record.args, tuple) and record.args else record.msg
        return self.due(str(event))

    def due(self, kind: str) -> bool:
        """Tell whether a line of this kind may be said, and count it as said."""
        now = self._clock()
        if now - self._last.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self._last[kind] = now
        return True


_errors = NotTooOften()
_logger = logging.getLogger("librdkafka")
_logger.addFilter(NotTooOften())
_logger.setLevel(logging.ERROR)  # its warnings are retries that it deals with by itself


def client_options(connection: Connection) -> dict[str, Any]:
    """Return what a confluent-kafka client does about its errors, as keyword arguments.

    It goes on by itself when a broker was away. One that no longer lets it in ends the process:
    as soon as the client is polled, so whoever waits for an answer in a loop has to poll in it.

    Args:
        connection: the client's.
    """
    return {"logger": _logger, "error_cb": _on_error(connection)}


def quiet_options(connection: Connection) -> dict[str, Any]:
    """Return the same for a client whose user reports an unreachable broker, so that it doesn't.

    Once a broker refuses the client, the call that serves its errors raises RefusedError.

    Args:
        connection: the client's.
    """

    def on_error(error: KafkaError) -> None:
        if why := refusal(error, connection):
            raise RefusedError(why)

    return {
        "reconnect.backoff.max.ms": WATCHED_RECONNECT_MS,
        "log_level": 0,
        "error_cb": on_error,
    }


def _on_error(connection: Connection) -> Callable[[KafkaError], None]:
    def on_error(error: KafkaError) -> None:
        if why := refusal(error, connection):
            stop_process(f"{why}; nothing is lost")
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            warn_that_kafka_is_away(connection.servers)

    return on_error


def warn_that_kafka_is_away(servers: str) -> None:
    """Say, at most once a minute, that requests are tried again until Kafka answers."""
    if _errors.due("away"):
        log.warning("Kafka is away: waiting for it, nothing is lost", servers=servers)
