"""Prepares the flow's topics before it starts: waits for them, creates missing ones, checks all."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any, TypeVar

import structlog
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import (
    InvalidPartitionsError,
    KafkaError,
    KafkaTimeoutError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from connectors.connection import Connection
from connectors.refusals import LACKS_PERMISSION, BrokerCheck, RefusedError, forbidden, no_broker
from records import partition_name
from settings import Settings

__all__ = [
    "COMPACTED_FOREVER",
    "NO_INPUT",
    "FlowTopics",
    "describe_topic",
    "id_of",
    "largest_message",
    "partition_names",
    "prepare_topics",
    "reach",
    "topic_option",
    "wait_for",
]

log = structlog.get_logger()

ATTEMPT_SECONDS = (
    2.0  # one try to reach a broker: long enough for a slow link, short to end on time
)
LINE_EVERY_SECONDS = 5.0  # how often a waiting start logs a line: part of the contract
POLL_SECONDS = 0.2
METADATA_SECONDS = 10.0  # until all brokers know new partitions: usually milliseconds
DEFAULT_LARGEST_MESSAGE = 1_048_588  # bytes; Kafka's default of max.message.bytes
UNKNOWN_TOPIC = 3  # Kafka's error code UNKNOWN_TOPIC_OR_PARTITION
NO_INPUT = "start its producer (python -m producer), create the topic, or set INPUT_TOPIC"
COMPACTED_FOREVER = {"cleanup.policy": "compact", "retention.ms": "-1"}

T = TypeVar("T")


@dataclass(frozen=True)
class FlowTopics:
    """The topics of a running flow, as found at its start.

    Attributes:
        input: the input topic's name.
        input_id: its id, which changes when the topic is recreated; empty where the broker gives
            none (before Kafka 2.8).
        partitions: how many partitions the input has.
        output: where processed logins go.
        output_partitions: how many partitions that topic has.
        dead_letters: where records go that can't be processed.
        progress: where it is recorded how far outputs are written.
        upserts: where records go that replace each other by key.
        upsert_partitions: how many partitions that topic has.
        largest_output: the output topic's limit for a batch of records, in bytes.
        largest_dead_letter: the same for the dead-letter topic.
        largest_upsert: the same for the upserts' topic.
        brokers: how many the cluster has.
    """

    input: str
    input_id: str
    partitions: int
    output: str
    output_partitions: int
    dead_letters: str
    progress: str
    upserts: str
    upsert_partitions: int
    largest_output: int
    largest_dead_letter: int
    largest_upsert: int
    brokers: int = 1


def partition_names(partitions: int) -> list[str]:
    """Name the partitions of a source or sink.

    For the same names the engine picks the same workers, so that a batch is written by the worker
    that read it and never crosses to another.
    """
    return [partition_name(partition) for partition in range(partitions)]


def prepare_topics(settings: Settings, draining: Event, no_input: str = NO_INPUT) -> FlowTopics:
    """Wait for the broker and the input topic, create what is missing, and check the rest.

    Args:
        settings: the process's settings.
        draining: ends the waiting when set.
        no_input: what to do when there is no input topic.

    Raises:
        SystemExit: with one line that says what is wrong and what to do; with status 0 when it
            was stopped while it waited.
    """
    wait = partial(wait_for, time.monotonic() + settings.broker_wait_seconds, draining)
    admin = reach(settings, wait)
    try:
        source = wait(
            lambda: _no_input(settings, no_input),
            lambda: describe_topic(admin, settings.input_topic),
        )
        partitions = len(source["partitions"])
        _add_missing_partitions(admin, settings, partitions, draining)
        _create_missing(admin, settings, partitions)
        return FlowTopics(
            input=settings.input_topic,
            input_id=id_of(source),
            partitions=partitions,
            output=settings.output_topic,
            output_partitions=_partitions_of(admin, wait, settings.output_topic),
            dead_letters=settings.dead_letter_topic,
            progress=settings.progress_topic,
            upserts=settings.insights_topic,
            upsert_partitions=_partitions_of(admin, wait, settings.insights_topic),
            largest_output=largest_message(admin, settings.output_topic),
            largest_dead_letter=largest_message(admin, settings.dead_letter_topic),
            largest_upsert=_largest_upsert(admin, settings.insights_topic),
            brokers=_brokers(admin),
        )
    except KafkaError as error:
        raise SystemExit(
            f"Kafka refused to describe or create the topics: {error}{forbidden(error)}"
        ) from None
    finally:
        admin.close()


def wait_for(
    deadline: float, draining: Event, missing: Callable[[], str], attempt: Callable[[], T | None]
) -> T:
    """Try until an attempt succeeds, with a line every 5 seconds, or exit at the deadline."""
    next_line = time.monotonic() + LINE_EVERY_SECONDS
    while (found := attempt()) is None:
        now = time.monotonic()
        if now >= deadline:
            raise SystemExit(missing())
        if now >= next_line:
            log.info("waiting", seconds_left=round(deadline - now), reason=missing())
            next_line += LINE_EVERY_SECONDS
        if draining.wait(POLL_SECONDS):
            raise SystemExit(0)
    return found


def _no_input(settings: Settings, what_to_do: str) -> str:
    return (
        f"there is no topic {settings.input_topic} at {settings.kafka_bootstrap_servers}: "
        f"{what_to_do}"
    )


def reach(settings: Settings, wait: Callable[..., KafkaAdminClient]) -> KafkaAdminClient:
    """Wait for a broker, and log in.

    Args:
        settings: the process's settings.
        wait: wait_for, with its deadline and the event that ends it.

    Raises:
        SystemExit: with one line, when a broker refuses the login or none answers in time.
    """
    connection = Connection(settings)
    try:
        with BrokerCheck(connection) as check:
            return wait(
                lambda: no_broker(connection, check.reason), lambda: _connect(connection, check)
            )
    except RefusedError as error:
        raise SystemExit(str(error)) from None


def _connect(connection: Connection, check: BrokerCheck) -> KafkaAdminClient | None:
    if not check.answers(ATTEMPT_SECONDS):
        return None
    try:
        return KafkaAdminClient(
            **connection.kafka_python(), bootstrap_timeout_ms=int(ATTEMPT_SECONDS * 1000)
        )
    except KafkaTimeoutError:
        return None
    except (KafkaError, OSError, ValueError) as error:
        raise SystemExit(f"can't connect to Kafka at {connection.servers}: {error}") from None


def describe_topic(admin: KafkaAdminClient, topic: str) -> dict[str, Any] | None:
    """Return a topic's metadata, or None until it exists with all its partitions."""
    try:
        found: dict[str, Any] = admin.describe_topics([topic])[0]
    except KafkaError as error:
        if error.retriable:
            return None
        raise
    if found["error_code"] == TopicAuthorizationFailedError.errno:
        raise TopicAuthorizationFailedError(topic)
    return found if found["error_code"] == 0 and found["partitions"] else None


def id_of(topic: Mapping[str, Any]) -> str:
    """Return the id in a topic's metadata; empty from brokers before 2.8, which give none."""
    return str(topic.get("topic_id") or "")


def _create_missing(admin: KafkaAdminClient, settings: Settings, partitions: int) -> None:
    """Create missing topics; another process of the cluster may be faster."""
    as_input: dict[str, Any] = {"num_partitions": partitions}
    wanted = {
        settings.output_topic: as_input,
        settings.dead_letter_topic: as_input,
        settings.progress_topic: {**as_input, "configs": COMPACTED_FOREVER},
        settings.insights_topic: {"num_partitions": 1, "configs": COMPACTED_FOREVER},
    }
    found = admin.describe_topics(list(wanted))
    missing = [topic["name"] for topic in found if topic["error_code"] == UNKNOWN_TOPIC]
    if missing and not settings.create_topics:
        raise SystemExit(
            f"missing topics: {', '.join(missing)}; create them or set CREATE_TOPICS=true"
        )
    for name in missing:
        try:
            admin.create_topics({name: wanted[name]}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            continue
        log.info("topic created", topic=name, partitions=wanted[name]["num_partitions"])


def _brokers(admin: KafkaAdminClient) -> int:
    """Return how many brokers are up, as clients see it."""
    brokers = admin.describe_cluster()["brokers"]
    return sum(not broker.get("is_fenced") for broker in brokers)


def _add_missing_partitions(
    admin: KafkaAdminClient, settings: Settings, partitions: int, draining: Event
) -> None:
    """Add partitions to the dead-letter and progress topics, which follow the input's numbers.

    The output topic keeps its partitions: with more, users would move between them.
    """
    found = {
        name: topic["partitions"]
        for name in (settings.dead_letter_topic, settings.progress_topic)
        if (topic := describe_topic(admin, name))
    }
    short = {name: len(parts) for name, parts in found.items() if len(parts) < partitions}
    too_few = _too_few(short, partitions, settings)
    if short and not settings.create_topics:
        raise SystemExit(too_few)
    for name in short:
        try:
            _add_partitions(admin, name, partitions, draining)
        except TopicAuthorizationFailedError:
            raise SystemExit(f"{too_few}{LACKS_PERMISSION}") from None


def _add_partitions(admin: KafkaAdminClient, topic: str, partitions: int, draining: Event) -> None:
    """Add partitions to a topic, unless another process of the cluster is faster."""
    with suppress(InvalidPartitionsError):
        admin.create_partitions({topic: partitions})
        log.info("partitions added", topic=topic, partitions=partitions)

    def are_there() -> bool | None:
        found = describe_topic(admin, topic)
        return True if found and len(found["partitions"]) >= partitions else None

    wait_for(
        time.monotonic() + METADATA_SECONDS,
        draining,
        lambda: f"topic {topic} didn't get {partitions} partitions: are all brokers up?",
        are_there,
    )


def _too_few(short: Mapping[str, int], partitions: int, settings: Settings) -> str:
    counts = " and ".join(f"topic {name} has {count} partitions" for name, count in short.items())
    return (
        f"{counts}, fewer than the {partitions} of {settings.input_topic}: "
        f"add partitions to {' and '.join(short)}"
    )


def _partitions_of(admin: KafkaAdminClient, wait: Callable[..., dict[str, Any]], topic: str) -> int:
    """Return how many partitions a topic has that was found or created."""
    found = wait(lambda: f"topic {topic} can't be described", lambda: describe_topic(admin, topic))
    return len(found["partitions"])


def largest_message(admin: KafkaAdminClient, topic: str) -> int:
    """Return a topic's limit for a batch of records, in bytes."""
    return int(topic_option(admin, topic, "max.message.bytes"))


def _largest_upsert(admin: KafkaAdminClient, topic: str) -> int:
    """Return the same; without the permission to see it, Kafka's default.

    Earlier versions didn't need that permission to write upserts.
    """
    try:
        return largest_message(admin, topic)
    except TopicAuthorizationFailedError:
        return DEFAULT_LARGEST_MESSAGE


def topic_option(admin: KafkaAdminClient, topic: str, name: str) -> str:
    """Return the value of a topic's option.

    Raises:
        TopicAuthorizationFailedError: the options may not be seen.
    """
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)
    configs = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    if name not in configs:  # what kafka-python makes of a refusal
        raise TopicAuthorizationFailedError(f"{topic}: its configuration can't be described")
    return str(configs[name]["value"])
