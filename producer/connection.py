"""Ways to the broker: client options, waiting for a broker, and the input topic."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaConfigurationError, KafkaError, KafkaTimeoutError

from connectors.connection import Connection
from settings import Settings

__all__ = ["BrokerError", "client_options", "connect", "say"]

LINE_EVERY_SECONDS = 5
LONGEST_RECONNECT_PAUSE_MS = 1_000  # kafka-python's 30 s would oversleep a broker that is back
# kafka-python gives up on a batch after two minutes by default. Nothing is given up here: a
# broker that is away for a weekend is waited for.
GIVE_UP_AFTER_MS = 7 * 24 * 3_600 * 1_000
# A record may be larger than the broker's limit before compression: the broker has the last word.
LARGEST_REQUEST = 16 * 1024 * 1024
BATCH_BYTES = 64 * 1024  # at --rate 0 a third faster than the default 16 kB, 128 kB gain nothing
LINGER_MS = 10  # gathers a batch, and is below what anyone notices

NO_ERROR = 0
UNKNOWN_TOPIC_OR_PARTITION = 3
TOPIC_ALREADY_EXISTS = 36


class BrokerError(Exception):
    """The broker can't be used; the text says why in one line."""


def say(line: str) -> None:
    """Print one line for the person who watches."""
    print(f"producer: {line}", file=sys.stderr, flush=True)


def client_options(settings: Settings) -> dict[str, Any]:
    """What every kafka-python client needs to reach the cluster of these settings."""
    return {
        **Connection(settings).kafka_python(),
        "reconnect_backoff_max_ms": LONGEST_RECONNECT_PAUSE_MS,
        # 0 would not try at all
        "bootstrap_timeout_ms": max(1, settings.broker_wait_seconds) * 1_000,
    }


def connect(settings: Settings, partitions: int, replication_factor: int) -> KafkaProducer:
    """Wait for a broker, make the input topic if it is missing, and give a producer.

    Raises:
        BrokerError: no broker within BROKER_WAIT_SECONDS, or it refuses the topic.
    """
    options = client_options(settings)
    with _waiting(settings.kafka_bootstrap_servers):
        with KafkaAdminClient(**options) as admin:
            _ensure_topic(admin, settings.input_topic, partitions, replication_factor)
        return KafkaProducer(
            **options,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=LINGER_MS,
            batch_size=BATCH_BYTES,
            max_request_size=LARGEST_REQUEST,
            delivery_timeout_ms=GIVE_UP_AFTER_MS,
            allow_auto_create_topics=False,  # it would come back with other partitions
        )


def _ensure_topic(
    admin: KafkaAdminClient, topic: str, partitions: int, replication_factor: int
) -> None:
    """Make the topic unless it is there; one that is there stays as it is.

    It keeps the broker's retention: that goes by the record's own time, which is the time of
    sending, however old the login in it is.
    """
    found = admin.describe_topics([topic])[0]["error_code"]
    if found == NO_ERROR:
        return
    if found == UNKNOWN_TOPIC_OR_PARTITION:
        wanted = {"num_partitions": partitions, "replication_factor": replication_factor}
        made = admin.create_topics({topic: wanted}, raise_errors=False)["topics"][0]
        if made["error_code"] not in {NO_ERROR, TOPIC_ALREADY_EXISTS}:
            raise BrokerError(f"topic {topic} can't be made: {made['error_message']}")
    admin.wait_for_topics([topic])


@contextmanager
def _waiting(servers: str) -> Iterator[None]:
    """Say every few seconds that the block still waits for a broker, and why."""
    done = threading.Event()
    reason = _LastReason()
    logger = logging.getLogger("kafka")
    logger.addHandler(reason)  # also keeps kafka-python's own lines off the terminal
    threading.Thread(target=_say_waiting, args=(done, servers, reason), daemon=True).start()
    try:
        yield
    except KafkaTimeoutError as error:
        raise BrokerError(f"no broker at {servers}{reason}") from error
    except (KafkaError, KafkaConfigurationError, OSError, ValueError) as error:
        raise BrokerError(f"the broker at {servers} can't be used: {error}") from error
    finally:
        done.set()


def _say_waiting(done: threading.Event, servers: str, reason: "_LastReason") -> None:
    while not done.wait(LINE_EVERY_SECONDS):
        say(f"waiting for a broker at {servers}{reason}")


class _LastReason(logging.Handler):
    """Remembers why the last attempt failed: kafka-python logs it, its errors don't say it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the reason out of "Bootstrap connection to ... failed: REASON (backoff ...)"."""
        start, found, reason = record.getMessage().partition(" failed: ")
        if found and start.startswith("Bootstrap connection"):
            self._text = reason.partition(" (backoff")[0]

    def __str__(self) -> str:
        return f" ({self._text})" if self._text else ""
