"""Dead letters as they are read back: what their headers say, and the record that they hold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from connectors.dead_letters import HEADER_PREFIX
from connectors.records import Headers, readable_headers

__all__ = ["ConsumedLetter", "Letter", "Origin", "read_letter"]

INTEGER_DIGITS = 19  # of a 64-bit integer, which all of Kafka's numbers are


class ConsumedLetter(Protocol):
    """What a letter needs of the consumed message that holds it."""

    def partition(self) -> int | None:
        """Return the message's partition."""

    def offset(self) -> int | None:
        """Return the message's offset."""

    def key(self) -> bytes | None:
        """Return the message's key as its bytes."""

    def value(self) -> bytes | None:
        """Return the message's value as its bytes."""

    def headers(self) -> Headers | None:
        """Return the message's headers in order."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The input record that became a dead letter.

    Attributes:
        topic: its topic.
        partition: its partition there.
        offset: its offset there.
        timestamp: its timestamp in ms since the epoch.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of the dead-letter topic.

    Attributes:
        partition: its partition in the dead-letter topic.
        offset: its offset there; with the partition it names the letter.
        key: the original key, cut if `truncated` has `key`.
        value: the original value, cut if `truncated` has `value`; None for a tombstone.
        headers: the original headers; none if `truncated` has `headers`.
        reason: why it is a dead letter; empty where no header says so.
        detail: the same as a sentence.
        origin: where it came from; None where the headers don't say, so that it is no letter of
            this project's flow.
        truncated: what the flow left out to fit the broker's limit.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    reason: str
    detail: str
    origin: Origin | None
    truncated: frozenset[str] = field(default=frozenset())

    @property
    def is_whole(self) -> bool:
        """Whether key and value are untouched."""
        return not self.truncated & {"key", "value"}


def read_letter(message: ConsumedLetter) -> Letter:
    """Read a record of the dead-letter topic. Never raises, whatever its headers.

    Args:
        message: a consumed message that is no error.
    """
    headers = readable_headers(message) or []  # the flow writes no name that can't be read
    ours = dict(_ours(headers))
    return Letter(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=message.key(),
        value=message.value(),
        headers=[(n, v) for n, v in headers if not n.startswith(HEADER_PREFIX)],
        reason=ours.get("reason", ""),
        detail=ours.get("detail", ""),
        origin=_origin(ours),
        truncated=frozenset(filter(None, ours.get("truncated", "").split(", "))),
    )


def _ours(headers: Headers) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        if name.startswith(HEADER_PREFIX):
            yield name.removeprefix(HEADER_PREFIX), (value or b"").decode(errors="replace")


def _origin(ours: dict[str, str]) -> Origin | None:
    partition = _integer(ours.get("partition", ""))
    offset = _integer(ours.get("offset", ""))
    timestamp = _integer(ours.get("timestamp", "").removeprefix("-"))
    if not ours.get("topic") or partition is None or offset is None or timestamp is None:
        return None
    sign = -1 if ours["timestamp"].startswith("-") else 1  # -1: the record had no timestamp
    return Origin(ours["topic"], partition, offset, sign * timestamp)


def _integer(text: str) -> int | None:
    """Return the number that ASCII digits stand for, None for any other text."""
    if text.isascii() and text.isdigit() and len(text) <= INTEGER_DIGITS:
        return int(text)
    return None
