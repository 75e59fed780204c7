"""Dead letters as they are read back from their topic."""

import re
from dataclasses import dataclass

from connectors.dead_letters import HEADER_PREFIX, record_size
from records import ConsumedRecord, Headers, readable_headers

__all__ = ["DeadLetter", "read_dead_letter"]

# Partition, offset and timestamp, all of 64 bits; the timestamp of a record without one is -1.
_numbers = re.compile(r"(\d{1,19}) (\d{1,19}) (-?\d{1,19})", re.ASCII)
NO_ORIGIN = (-1, -1, -1)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record of the dead-letter topic.

    Attributes:
        partition: its partition in the dead-letter topic.
        offset: its offset there; with the partition it identifies the dead letter.
        key: the original key, cut if `truncated` has `key`.
        value: the original value, cut if `truncated` has `value`; None for a tombstone.
        headers: the original headers; none if `truncated` has `headers`.
        reason: why it is a dead letter; empty where no header says so.
        detail: the same as a sentence.
        truncated: what the flow left out to fit the broker's limit.
        input_topic: the topic of the original record; empty where the headers don't tell the
            origin, because another program than the flow wrote them.
        input_partition: its partition there.
        input_offset: its offset there.
        timestamp: the original record's, in ms since the epoch; -1 for none.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    reason: str = ""
    detail: str = ""
    truncated: frozenset[str] = frozenset()
    input_topic: str = ""
    input_partition: int = -1
    input_offset: int = -1
    timestamp: int = -1

    @property
    def is_whole(self) -> bool:
        """Whether key and value are untouched."""
        return not self.truncated & {"key", "value"}

    @property
    def size(self) -> int:
        """At most how many bytes the original record takes on the wire, in a batch of its own."""
        return record_size(self.key, self.value, self.headers)


def read_dead_letter(record: ConsumedRecord, partition: int) -> DeadLetter:
    """Read a record of the dead-letter topic. Never raises, whatever its headers."""
    headers = readable_headers(record) or []  # the flow writes no name that can't be read
    fields = {
        name.removeprefix(HEADER_PREFIX): (value or b"").decode(errors="replace")
        for name, value in headers
        if name.startswith(HEADER_PREFIX)
    }
    numbers = " ".join(fields.get(name, "") for name in ("partition", "offset", "timestamp"))
    found = _numbers.fullmatch(numbers)
    input_partition, input_offset, timestamp = map(int, found.groups() if found else NO_ORIGIN)
    return DeadLetter(
        partition=partition,
        offset=record.offset(),
        key=record.key(),
        value=record.value(),
        headers=[(n, v) for n, v in headers if not n.startswith(HEADER_PREFIX)],
        reason=fields.get("reason", ""),
        detail=fields.get("detail", ""),
        truncated=frozenset(filter(None, fields.get("truncated", "").split(", "))),
        input_topic=fields.get("topic", "") if found else "",
        input_partition=input_partition,
        input_offset=input_offset,
        timestamp=timestamp,
    )
