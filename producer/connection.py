"""Ways to the broker: client options, waiting for a broker, and the input topic."""

import logging
import sys
import time
from typing import Any

from kafka import KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import KafkaConfigurationError, KafkaError, UnsupportedVersionError, for_code

from connectors.connection import Connection
from connectors.refusals import BrokerCheck, RefusedError, forbidden
from settings import Settings

__all__ = ["BrokerError", "client_options", "connect", "newest_record_seconds", "say"]

LINE_EVERY_SECONDS = 5
ATTEMPT_SECONDS = 1.0  # one try to reach a broker
POLL_SECONDS = 0.1
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
    # kafka-python would log each attempt to reach a broker that is away; we say so ourselves.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        _await_broker(settings)
        return _connect(settings, partitions, replication_factor)
    except RefusedError as error:
        raise BrokerError(str(error)) from None
    except (KafkaError, KafkaConfigurationError, OSError, ValueError) as error:
        raise BrokerError(
            f"the broker at {settings.kafka_bootstrap_servers} can't be used: "
            f"{error}{forbidden(error)}"
        ) from error


def newest_record_seconds(settings: Settings) -> float | None:
    """Return the time of the input topic's newest record in epoch seconds, None without any.

    Raises:
        BrokerError: the broker can't be asked.
    """
    topic = settings.input_topic
    try:
        with KafkaAdminClient(**client_options(settings)) as admin:
            partitions = admin.describe_topics([topic])[0]["partitions"]
            numbers = [partition["partition_index"] for partition in partitions]
            found = admin.list_partition_offsets(
                {TopicPartition(topic, number): OffsetSpec.MAX_TIMESTAMP for number in numbers}
            )
    except UnsupportedVersionError:
        raise BrokerError("--history needs brokers of Kafka 3.0 or later") from None
    except (KafkaError, OSError) as error:
        raise BrokerError(
            f"the newest record of topic {topic} can't be found: {error}{forbidden(error)}"
        ) from error
    newest = max(found_one.timestamp for found_one in found.values())
    return newest / 1_000 if newest >= 0 else None


def _connect(settings: Settings, partitions: int, replication_factor: int) -> KafkaProducer:
    options = client_options(settings)
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
    elif not (error := for_code(found)).retriable:
        raise error(topic)
    admin.wait_for_topics([topic])


def _await_broker(settings: Settings) -> None:
    """Wait until a broker answers, and say every few seconds that it is waited for, and why.

    Raises:
        BrokerError: none does within BROKER_WAIT_SECONDS.
        RefusedError: one does, but lets this program not in.
    """
    with BrokerCheck(Connection(settings)) as check:
        _await_answer(check, settings)


def _await_answer(check: BrokerCheck, settings: Settings) -> None:
    servers = settings.kafka_bootstrap_servers
    begin = time.monotonic()
    next_line = begin + LINE_EVERY_SECONDS
    while not check.answers(ATTEMPT_SECONDS):
        now = time.monotonic()
        if now - begin >= settings.broker_wait_seconds:
            raise BrokerError(f"no broker at {servers}{check.reason}")
        if now >= next_line:
            next_line += LINE_EVERY_SECONDS
            say(f"waiting for a broker at {servers}{check.reason}")
        time.sleep(POLL_SECONDS)
