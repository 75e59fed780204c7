"""The topics of a command: found, checked, and where need be made, before it begins."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

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
from dlq.errors import CommandError
from settings import Settings

__all__ = [
    "InputTopic",
    "LetterTopic",
    "find_input",
    "find_letters",
    "marks_topic",
    "prepare_marks",
]

TOPIC_SECONDS = 2.0  # how long a topic is looked for: a broker that has just started has none


@dataclass(frozen=True)
class LetterTopic:
    """The dead-letter topic.

    Attributes:
        name: its name.
        id: its id, which a topic made again under the same name doesn't share.
        partitions: how many it has.
        has_marks: whether there is a topic that says which letters were replayed.
    """

    name: str
    id: str
    partitions: int
    has_marks: bool


@dataclass(frozen=True)
class InputTopic:
    """The topic that letters are sent back to.

    Attributes:
        name: its name.
        partitions: how many it has.
        limit: the most bytes that it takes for a batch of records.
    """

    name: str
    partitions: int
    limit: int


def marks_topic(settings: Settings) -> str:
    """Name the compacted topic that says which letters were replayed.

    By the dead-letter topic, not by the group: a new group that processes everything again is no
    reason to send a letter back a second time.
    """
    return f"{settings.dead_letter_topic}-replayed"


def find_letters(settings: Settings, draining: Event) -> LetterTopic:
    """Wait for the broker and find the dead-letter topic.

    Raises:
        SystemExit: no broker answers in time, or the command was told to stop.
        CommandError: there is no such topic.
    """
    with _admin(settings, draining) as admin:
        found = _find(admin, draining, settings.dead_letter_topic, "DEAD_LETTER_TOPIC")
        return LetterTopic(
            settings.dead_letter_topic,
            id_of(found),
            len(found["partitions"]),
            _is_there(admin, marks_topic(settings)),
        )


def find_input(settings: Settings, draining: Event) -> InputTopic:
    """Find the input topic.

    Raises:
        SystemExit: no broker answers in time, or the command was told to stop.
        CommandError: there is no such topic.
    """
    with _admin(settings, draining) as admin:
        found = _find(admin, draining, settings.input_topic, "INPUT_TOPIC")
        limit = largest_message(admin, settings.input_topic)
        return InputTopic(settings.input_topic, len(found["partitions"]), limit)


def prepare_marks(settings: Settings, draining: Event) -> None:
    """Make the topic of marks if it is missing, and check that it forgets nothing.

    Raises:
        SystemExit: no broker answers in time, or the command was told to stop.
        CommandError: it is missing and may not be made, or would forget.
    """
    name = marks_topic(settings)
    with _admin(settings, draining) as admin:
        if not _is_there(admin, name):
            if not settings.create_topics:
                raise CommandError(
                    f"there is no topic {name}: make it with one partition and "
                    "cleanup.policy=compact, or set CREATE_TOPICS=true"
                )
            _make(admin, name)
        if (policy := topic_option(admin, name, "cleanup.policy")) != "compact":
            raise CommandError(
                f"topic {name} has cleanup.policy={policy} and would forget which letters were "
                "replayed: set it to compact"
            )


@contextmanager
def _admin(settings: Settings, draining: Event) -> Iterator[KafkaAdminClient]:
    """Give a client once a broker answers; its errors become one line."""
    deadline = time.monotonic() + settings.broker_wait_seconds
    client = reach(settings, partial(wait_for, deadline, draining))
    try:
        yield client
    except KafkaError as error:
        raise CommandError(
            f"Kafka refused to describe or make the topics: {error}{forbidden(error)}"
        ) from None
    finally:
        client.close()


def _find(admin: KafkaAdminClient, draining: Event, topic: str, setting: str) -> dict[str, Any]:
    deadline = time.monotonic() + TOPIC_SECONDS
    missing = f"dlq: there is no topic {topic}: set {setting} if it has another name"
    return wait_for(deadline, draining, lambda: missing, lambda: describe_topic(admin, topic))


def _is_there(admin: KafkaAdminClient, topic: str) -> bool:
    return describe_topic(admin, topic) is not None


def _make(admin: KafkaAdminClient, topic: str) -> None:
    wanted = {"num_partitions": 1, "configs": COMPACTED_FOREVER}
    try:
        admin.create_topics({topic: wanted}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return
