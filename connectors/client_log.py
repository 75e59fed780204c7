"""The Kafka clients' own log lines and errors, few enough to read."""

import logging
import time
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import KafkaError

__all__ = ["client_options"]

log = structlog.get_logger()

KIND_CHARACTERS = 40  # of a client line: its event and its client, not the times in its text
REPEAT_SECONDS = 60.0  # a broker that is away makes a line per connection and attempt


class _NotTooOften(logging.Filter):
    """Lets a line through unless one of its kind came within REPEAT_SECONDS."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (str(record.args) if record.args else record.msg)[:KIND_CHARACTERS]
        return self.due(kind)

    def due(self, kind: str) -> bool:
        now = time.monotonic()
        if now - self._last.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self._last[kind] = now
        return True


_errors = _NotTooOften()
_logger = logging.getLogger("librdkafka")
_logger.addFilter(_NotTooOften())
_logger.setLevel(logging.ERROR)  # its warnings are retries that it deals with by itself


def client_options(servers: str) -> dict[str, Any]:
    """Return the logging options of a confluent-kafka client, as keyword arguments.

    Args:
        servers: the bootstrap servers, to be named while they are away.
    """
    return {"logger": _logger, "error_cb": _on_error(servers)}


def _on_error(servers: str) -> Callable[[KafkaError], None]:
    def on_error(error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and _errors.due("away"):
            log.warning("Kafka is away: waiting for it, nothing is lost", servers=servers)

    return on_error
