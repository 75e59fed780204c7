"""The topics of a command: found, checked, and created where necessary, before it begins."""

import argparse
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from connectors.refusals import forbidden
from connectors.topics import (
    COMPACTED_FOREVER,
    describe_topic,
    id_of,
    largest_message,
    reach,
    topic_option,
    wait_for,
)
from dlq.output import fail
from settings import Settings

__all__ = ["DeadLetterTopic", "InputTopic", "find_topics"]

TOPIC_SECONDS = 2.0  # how long a topic is looked for: a broker that has just started has none


class InputTopic(NamedTuple):
    """The topic that dead letters are replayed into; its limit is a batch's, in bytes."""

    name: str
    partitions: int
    limit: int


@dataclass(frozen=True)
class DeadLetterTopic:
    """The dead-letter topic.

    Attributes:
        name: its name.
        id: its id, which a topic that was deleted and recreated doesn't share.
        partitions: how many it has.
        has_markers: whether there is a topic of markers yet.
    """

    name: str
    id: str
    partitions: int
    has_markers: bool = False

    @property
    def markers(self) -> str:
        """The compacted topic that says which dead letters were replayed.

        Named after the dead-letter topic, not the group: a new group that processes everything
        again is no reason to replay a dead letter a second time.
        """
        return f"{self.name}-replayed"


def find_topics(
    options: argparse.Namespace, settings: Settings, draining: Event
) -> tuple[DeadLetterTopic, InputTopic | None]:
    """Wait for a broker, and find the topics of a command; only a replay has an input topic.

    Unless it is a dry run, the topic of markers is created if it is missing.

    Raises:
        SystemExit: no broker answers in time, a topic is missing, or the command was told to stop.
        CommandError: the topic of markers is unusable, or a permission is missing.
    """
    deadline = time.monotonic() + settings.broker_wait_seconds
    admin = reach(settings, partial(wait_for, deadline, draining))
    try:
        found = _find(admin, draining, settings.dead_letter_topic, "DEAD_LETTER_TOPIC")
        source = DeadLetterTopic(settings.dead_letter_topic, id_of(found), len(found["partitions"]))
        source = replace(source, has_markers=describe_topic(admin, source.markers) is not None)
        if options.command == "show":
            return source, None
        found = _find(admin, draining, name := settings.input_topic, "INPUT_TOPIC")
        target = InputTopic(name, len(found["partitions"]), largest_message(admin, name))
        return source if options.dry_run else _prepare_markers(admin, settings, source), target
    except KafkaError as error:
        fail(f"Kafka refused to describe or make the topics: {error}{forbidden(error)}")
    finally:
        admin.close()


def _find(admin: KafkaAdminClient, draining: Event, topic: str, setting: str) -> dict[str, Any]:
    deadline = time.monotonic() + TOPIC_SECONDS
    missing = f"dlq: there is no topic {topic}: set {setting} if it has another name"
    return wait_for(deadline, draining, lambda: missing, lambda: describe_topic(admin, topic))


def _prepare_markers(
    admin: KafkaAdminClient, settings: Settings, source: DeadLetterTopic
) -> DeadLetterTopic:
    name = source.markers
    if not source.has_markers and not settings.create_topics:
        fail(
            f"there is no topic {name}: make it with one partition and cleanup.policy=compact, "
            "or set CREATE_TOPICS=true"
        )
    if not source.has_markers:
        with suppress(TopicAlreadyExistsError):
            wanted = {"num_partitions": 1, "configs": COMPACTED_FOREVER}
            admin.create_topics({name: wanted}, wait_for_metadata=True)
    if (policy := topic_option(admin, name, "cleanup.policy")) != "compact":
        fail(
            f"topic {name} has cleanup.policy={policy} and would forget which dead letters were "
            "replayed: set it to compact"
        )
    return replace(source, has_markers=True)
