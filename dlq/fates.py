"""What becomes of a selected dead letter: sent back, or left where it is, and why."""

from dataclasses import dataclass
from enum import StrEnum

from connectors.dead_letters import BATCH_OVERHEAD, HEADER_OVERHEAD
from connectors.records import Headers
from dlq.letters import Letter, Origin
from dlq.repair import Repair, RepairError, repaired

__all__ = ["Fate", "Judge", "Outgoing", "Verdict"]

UNREADABLE = "unreadable"  # reason of a dead letter that holds a whole Kafka batch


class Fate(StrEnum):
    """What becomes of a letter; the text completes "120 ..."."""

    REPLAYED = "replayed"
    REPLAYED_BEFORE = "replayed before"
    NO_LETTER = "without the headers of a dead letter"
    OTHER_TOPIC = "of another input topic"
    UNREADABLE = "unreadable batches, whose records can't be replayed one by one"
    NO_PARTITION = "of a partition that the input topic doesn't have"
    TRUNCATED = "truncated, which only --repair can make whole"
    LEFT_BY_REPAIR = "left by the repair function"
    REPAIR_FAILED = "failed in the repair function"
    TOO_LARGE = "too large for the input topic"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record for the input topic.

    Attributes:
        partition: where the original stands, so that order within a partition is kept.
        key: as it was.
        value: as it was, or as it was repaired.
        headers: as they were.
    """

    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size(self) -> int:
        """At most how many bytes the record takes on the wire, in a batch of its own."""
        headers = sum(len(name.encode()) + len(value or b"") for name, value in self.headers)
        body = len(self.key or b"") + len(self.value or b"")
        return BATCH_OVERHEAD + body + headers + HEADER_OVERHEAD * len(self.headers)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A letter's fate.

    Attributes:
        fate: what becomes of it.
        outgoing: what to send, if it is to be replayed.
        note: what went wrong with this letter in particular, if anything.
    """

    fate: Fate
    outgoing: Outgoing | None = None
    note: str = ""


@dataclass(frozen=True)
class Judge:
    """Decides about letters.

    Attributes:
        topic: the input topic's name.
        partitions: how many it has.
        limit: the most bytes that it takes for a batch of records.
        repair: a user's function, if there is one.
    """

    topic: str
    partitions: int
    limit: int
    repair: Repair | None = None

    def judge(self, letter: Letter) -> Verdict:
        """Decide about a selected letter that wasn't replayed before. Never raises."""
        if letter.origin is None:
            return Verdict(Fate.NO_LETTER)
        if letter.origin.topic != self.topic:
            return Verdict(Fate.OTHER_TOPIC)
        if letter.reason == UNREADABLE:
            return Verdict(Fate.UNREADABLE)
        if letter.origin.partition >= self.partitions:
            return Verdict(Fate.NO_PARTITION)
        if self.repair is None:
            return self._judge_value(letter, letter.origin, letter.value)
        try:
            value = repaired(self.repair, letter.value, letter.reason)
        except RepairError as error:
            return Verdict(Fate.REPAIR_FAILED, note=str(error))
        if value is None:
            return Verdict(Fate.LEFT_BY_REPAIR)
        return self._judge_value(letter, letter.origin, value)

    def _judge_value(self, letter: Letter, origin: Origin, value: bytes | None) -> Verdict:
        if not letter.is_whole and value == letter.value:
            return Verdict(Fate.TRUNCATED)
        outgoing = Outgoing(origin.partition, letter.key, value, letter.headers)
        if outgoing.size > self.limit:
            return Verdict(Fate.TOO_LARGE)
        return Verdict(Fate.REPLAYED, outgoing)
