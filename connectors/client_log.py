"""The Kafka clients' own log lines and errors, rate-limited."""

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
    "RateLimit",
    "client_options",
    "quiet_options",
    "warn_that_kafka_is_away",
]

log = structlog.get_logger()

SERVE_SECONDS = 0.1  # how long a poll between two attempts serves a client's errors and log lines
# How long a new client may take to connect. Requests made before then wait for a timer of half a
# second, or of one to three: measured, in a third of all starts of a partition.
CONNECT_SECONDS = 0.06
# For a client that somebody watches: the default, 10 s, is long when the broker is back.
WATCHED_RECONNECT_MS = 1_000
REPEAT_SECONDS = 60.0  # a broker that is away causes a line per connection and attempt


class RateLimit(logging.Filter):
    """Lets a line pass unless one of its kind came within REPEAT_SECONDS."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide by a line's event (`FAIL`, ...): all clients of a process log the same."""
        event = record.args[0] if isinstance(record.args, tuple) and record.args else record.msg
        return self.due(str(event))

    def due(self, kind: str) -> bool:
        """Tell whether a line of this kind may be logged, and count it as logged."""
        now = self._clock()
        if now - self._last.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self._last[kind] = now
        return True


_errors = RateLimit()
_logger = logging.getLogger("librdkafka")
_logger.addFilter(RateLimit())
_logger.setLevel(logging.ERROR)  # its warnings are about retries that it makes by itself


def client_options(connection: Connection) -> dict[str, Any]:
    """Return a confluent-kafka client's error handling, as keyword arguments.

    After a broker was away, the client continues by itself. A broker that denies it access ends the
    process as soon as the client is polled: a loop that waits for an answer has to poll in it.

    Args:
        connection: the client's.
    """
    return {"logger": _logger, "error_cb": _on_error(connection)}


def quiet_options(connection: Connection) -> dict[str, Any]:
    """Return the same for a client whose caller reports an unreachable broker itself.

    Once a broker denies access, the call that serves the client's errors raises RefusedError.

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
    """Log, at most once per minute, that requests are retried until Kafka answers."""
    if _errors.due("away"):
        log.warning("Kafka is away: waiting for it, nothing is lost", servers=servers)
