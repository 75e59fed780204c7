"""Which dead letters were replayed: one bit a letter, in records for a compacted topic.

A letter is named by the dead-letter topic's id, its partition and its offset there. A mark is
written in the transaction that sends the letter, so that either both are there or neither.
"""

from collections.abc import Iterator

import msgspec

from dlq.letters import Letter

__all__ = ["Mark", "MarkError", "Replayed", "mark_key"]

# A transaction writes the whole segment anew for each one that it touches, 1 KiB as bits.
SEGMENT_LETTERS = 8_192
VERSION = 1


class MarkError(Exception):
    """A record that isn't one of these; the text says what to do about it."""


class Mark(msgspec.Struct, frozen=True):
    """A record of the topic of marks: which letters of a segment were replayed.

    Attributes:
        topic: the dead-letter topic's name.
        topic_id: its id, which tells a topic made again from the old one.
        partition: of the dead-letter topic.
        first: the offset that the first bit stands for.
        bits: base64; letter `first + n` was replayed if bit n % 8 of byte n // 8 is set.
        version: of this record's format.
    """

    topic: str
    topic_id: str
    partition: int
    first: int
    bits: bytes
    version: int = VERSION


def mark_key(mark: Mark) -> str:
    """Return the key of a segment's records."""
    return f"{mark.topic}/{mark.partition}/{mark.first}"


class Replayed:
    """The letters of one dead-letter topic that were replayed; one bit each in memory too.

    Args:
        topic: the dead-letter topic's name.
        topic_id: its id.
    """

    def __init__(self, topic: str, topic_id: str) -> None:
        self._topic = topic
        self._topic_id = topic_id
        self._segments: dict[tuple[int, int], bytearray] = {}
        self._changed: set[tuple[int, int]] = set()

    def load(self, value: bytes) -> None:
        """Take over a record; a later one of the same segment replaces an earlier one.

        Marks of another topic, or of one of the same name that was deleted since, mean nothing
        here and are left out.

        Raises:
            MarkError: it isn't such a record, or one of a later version.
        """
        try:
            mark = msgspec.json.decode(value, type=Mark)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise MarkError("it holds a record that says nothing about replayed letters") from None
        if mark.version != VERSION or mark.first % SEGMENT_LETTERS:
            raise MarkError(f"it was written by another version than this ({mark.version})")
        if (mark.topic, mark.topic_id) == (self._topic, self._topic_id):
            bits = bytearray(mark.bits.ljust(SEGMENT_LETTERS // 8, b"\0"))
            self._segments[mark.partition, mark.first // SEGMENT_LETTERS] = bits

    def __contains__(self, letter: Letter) -> bool:
        """Tell whether a letter was replayed."""
        segment, byte, bit = _place(letter.offset)
        bits = self._segments.get((letter.partition, segment))
        return bits is not None and bool(bits[byte] & bit)

    def add(self, letter: Letter) -> None:
        """Note a letter as replayed."""
        segment, byte, bit = _place(letter.offset)
        where = (letter.partition, segment)
        bits = self._segments.setdefault(where, bytearray(SEGMENT_LETTERS // 8))
        bits[byte] |= bit
        self._changed.add(where)

    def take_changes(self) -> Iterator[Mark]:
        """Yield a record for each segment with letters that were added since the last call."""
        changed, self._changed = sorted(self._changed), set()
        for partition, segment in changed:
            bits = bytes(self._segments[partition, segment]).rstrip(b"\0")
            first = segment * SEGMENT_LETTERS
            yield Mark(self._topic, self._topic_id, partition, first, bits)


def _place(offset: int) -> tuple[int, int, int]:
    """Return an offset's segment, the byte in it and the bit in that."""
    segment, place = divmod(offset, SEGMENT_LETTERS)
    return segment, place // 8, 1 << place % 8
