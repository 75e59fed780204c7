"""Whether a dead letter is replayed: as it was, or repaired by a user's function."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import import_module
from traceback import extract_tb

from dlq.dead_letter import DeadLetter
from dlq.topics import InputTopic
from operators.batches import Reason

__all__ = ["Repair", "RepairError", "ReplayDecision", "ReplayPolicy", "load_repair"]

Repair = Callable[[bytes | None, str], bytes | None]
"""Takes a dead letter's value and reason; returns the value to send, or None to leave it."""


class RepairError(Exception):
    """The repair function can't be used, or failed; the text has nothing of the value in it."""


class ReplayDecision(StrEnum):
    """What becomes of a dead letter; the text completes "120 ..."."""

    REPLAYED = "replayed"
    REPLAYED_BEFORE = "replayed before"
    NOT_A_DEAD_LETTER = "without the headers of a dead letter"
    OTHER_TOPIC = "of another input topic"
    UNREADABLE = "unreadable batches, whose records can't be replayed one by one"
    NO_PARTITION = "of a partition that the input topic doesn't have"
    TRUNCATED = "truncated, which only --repair can make whole"
    LEFT_BY_REPAIR = "left by the repair function"
    REPAIR_FAILED = "failed in the repair function"
    TOO_LARGE = "too large for the input topic"


@dataclass(frozen=True)
class ReplayPolicy:
    """Decides about dead letters that weren't replayed before.

    Attributes:
        target: the input topic.
        repair: a user's function, if there is one.
    """

    target: InputTopic
    repair: Repair | None = None

    def decide(self, letter: DeadLetter) -> tuple[ReplayDecision, DeadLetter]:
        """Decide about a dead letter, and return it as it is to be sent.

        Raises:
            RepairError: the repair function failed.
        """
        if (obstacle := self._obstacle(letter)) is not None:
            return obstacle, letter
        value = letter.value
        if self.repair is not None and (value := _call(self.repair, letter)) is None:
            return ReplayDecision.LEFT_BY_REPAIR, letter
        if not letter.is_whole and value == letter.value:
            return ReplayDecision.TRUNCATED, letter
        letter = replace(letter, value=value)
        fits = letter.size <= self.target.limit
        return ReplayDecision.REPLAYED if fits else ReplayDecision.TOO_LARGE, letter

    def _obstacle(self, letter: DeadLetter) -> ReplayDecision | None:
        """Return why a dead letter can't be replayed whatever its value."""
        if not letter.input_topic:
            return ReplayDecision.NOT_A_DEAD_LETTER
        if letter.input_topic != self.target.name:
            return ReplayDecision.OTHER_TOPIC
        if letter.reason == Reason.UNREADABLE:
            return ReplayDecision.UNREADABLE
        if letter.input_partition >= self.target.partitions:
            return ReplayDecision.NO_PARTITION
        return None


def load_repair(name: str) -> Repair:
    """Import a function named `module:function`.

    Raises:
        RepairError: there is no such function, or its module can't be imported.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise RepairError(f"{name!r} should be MODULE:FUNCTION")
    try:
        function = getattr(import_module(module_name), function_name, None)
    except Exception as error:  # noqa: BLE001 - a user's module may raise anything
        cause = " ".join(f"{type(error).__name__}: {error}".split())  # one line
        raise RepairError(f"{module_name} can't be imported: {cause}") from None
    if not callable(function):
        raise RepairError(f"{module_name} has no function {function_name}")
    repair: Repair = function
    return repair


def _call(repair: Repair, letter: DeadLetter) -> bytes | None:
    try:
        result: object = repair(letter.value, letter.reason)
    except Exception as error:  # noqa: BLE001 - a user's function may raise anything
        at = extract_tb(error.__traceback__)[-1]  # the error's own text may quote the value
        place = f"line {at.lineno} of {at.filename.rpartition('/')[2]}"
        raise RepairError(f"{type(error).__name__} in {place}") from None
    if result is None or isinstance(result, bytes):
        return result
    raise RepairError(f"it returned {type(result).__name__}, not bytes or None")
