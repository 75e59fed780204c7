"""Topic changes that a running flow can't continue after, detected from brokers' answers.

The Kafka clients don't report them. A consumer whose topic is deleted waits silently; if the topic
is recreated, it skips the first records; if it gets more partitions, it reads only the known ones.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from connectors.topics import FlowTopics

__all__ = ["KINDS", "Answer", "Change", "Topic", "TopicChanges"]

Kind = Literal["deleted", "recreated", "grown", "output_deleted"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# A change must be reported within 5 seconds: the next check finds it, one or two more confirm it.
CHECK_SECONDS = 1.0
CONFIRM_SECONDS = 0.5
# A broker that has just started may answer before it knows any topic: Kafka 2.4.1 with ZooKeeper,
# for 0.5 to 0.7 seconds. One that takes longer ends the flow, and nothing is lost.
NO_TOPIC_SECONDS = 3.0
READ_AGAIN = "start with a new KAFKA_GROUP_ID and a new recovery folder to read all of"


@dataclass(frozen=True)
class Topic:
    """What a broker says about a topic.

    Attributes:
        id: changes when the topic is recreated; empty where the broker gives none (before 2.8).
        partitions: how many it has.
    """

    id: str
    partitions: int


@dataclass(frozen=True)
class Answer:
    """What a broker says when it is asked for the flow's topics.

    Attributes:
        brokers: how many it knows, itself included; 0 until it has loaded the metadata.
        topics: by name; None for one that it doesn't know. Topics that we may not see are left out.
    """

    brokers: int
    topics: Mapping[str, Topic | None]


@dataclass(frozen=True)
class Change:
    """A change that the flow can't continue after: its kind, and a line that says what to do."""

    kind: Kind
    line: str


class TopicChanges:
    """Compares what brokers say of the topics with what the flow started with.

    A single answer isn't enough, since a broker may be behind the others, or not have loaded all
    topics; several in a row are.

    Args:
        topics: as found at start.
        written: names of the topics that the flow writes to.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        topics: FlowTopics,
        written: frozenset[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._input = topics.input
        self._expected = Topic(topics.input_id, topics.partitions)
        self._written = written
        self._clock = clock
        self._suspected_since: float | None = None
        self._was_missing = False
        self._written_ids: dict[str, str] = {}  # as first seen

    @property
    def names(self) -> list[str]:
        """The topics to ask for."""
        return sorted({self._input, *self._written})

    @property
    def suspected(self) -> bool:
        """Whether the last answer looks like a change that is not yet certain."""
        return self._suspected_since is not None

    @property
    def pause(self) -> float:
        """Seconds until the next check."""
        return CONFIRM_SECONDS if self.suspected else CHECK_SECONDS

    def check(self, answer: Answer | None) -> Change | None:
        """Return the confirmed change, if any; an answer of None means that no broker answered."""
        change = self._change(answer) if answer and answer.brokers else None
        if change is None or answer is None:
            self._suspected_since = None
            return None
        if self._suspected_since is None:
            self._suspected_since = self._clock()
            return None
        needed = 0 if any(answer.topics.values()) else NO_TOPIC_SECONDS
        return change if self._clock() - self._suspected_since >= needed else None

    def _change(self, answer: Answer) -> Change | None:
        """Return how an answer differs from what was found at startup."""
        if self._input not in answer.topics:
            return None
        found = answer.topics[self._input]
        if found is None:
            self._was_missing |= any(answer.topics.values())
            return self._deleted()
        if self._is_another(found):
            return self._recreated()
        if found.partitions > self._expected.partitions:
            return self._grown(found.partitions)
        gone = [name for name in sorted(self._written) if self._is_gone(name, answer)]
        return _output_deleted(gone[0]) if gone else None

    def _is_gone(self, name: str, answer: Answer) -> bool:
        """Tell whether a topic is missing, or a broker has already created another one."""
        if name not in answer.topics:
            return False
        found = answer.topics[name]
        if found is None or not found.id:
            return found is None
        return self._written_ids.setdefault(name, found.id) != found.id

    def _is_another(self, found: Topic) -> bool:
        if found.id and self._expected.id:
            return found.id != self._expected.id
        # A topic never loses partitions, and one that was missing and is back was recreated.
        return self._was_missing or found.partitions < self._expected.partitions

    def _deleted(self) -> Change:
        return Change(
            "deleted",
            f"topic {self._input} was deleted while the flow was running: everything read from it "
            f"has been processed; if you create it again, {READ_AGAIN} the new topic",
        )

    def _recreated(self) -> Change:
        return Change(
            "recreated",
            f"topic {self._input} was deleted and recreated while the flow was running: "
            f"{READ_AGAIN} the new topic; whatever this run read from it is then processed again",
        )

    def _grown(self, partitions: int) -> Change:
        return Change(
            "grown",
            f"topic {self._input} now has {partitions} partitions; it had "
            f"{self._expected.partitions} when the flow started: restart the flow to read all of "
            "them; nothing is lost",
        )


def _output_deleted(name: str) -> Change:
    return Change(
        "output_deleted",
        f"topic {name}, which the flow writes to, was deleted while it was running: only what "
        "was in that topic is lost; restart the flow: it creates the topic or says what to do",
    )
