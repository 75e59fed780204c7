"""Which dead letters were replayed: one bit each, in records of a compacted topic.

A marker is written in the transaction that replays its dead letters: both are there, or neither.
"""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from dlq.dead_letter import DeadLetter

__all__ = ["MarkerError", "ReplayMarker", "ReplayedLetters"]

# A transaction writes the whole segment again for each one that it touches, 1 KiB as bits.
SEGMENT_LETTERS = 8_192
VERSION = 1


class MarkerError(Exception):
    """A record that isn't a marker that can be read here; the text completes "topic X holds"."""


class ReplayMarker(msgspec.Struct, frozen=True):
    """Which dead letters of a segment of a partition were replayed.

    Attributes:
        topic: the dead-letter topic's name.
        topic_id: its id, which a topic that was deleted and recreated doesn't share.
        partition: of the dead-letter topic.
        first: the offset that the first bit stands for.
        bits: base64; dead letter `first + n` was replayed if bit n % 8 of byte n // 8 is set.
        version: of this record's format.
    """

    topic: str
    topic_id: str
    partition: int
    first: int
    bits: bytes
    version: int = VERSION

    @property
    def key(self) -> str:
        """The key of the record; the last one of a segment counts."""
        return f"{self.topic}/{self.partition}/{self.first}"


class ReplayedLetters:
    """The dead letters of one topic that were replayed.

    Args:
        topic: the dead-letter topic's name.
        topic_id: its id.
    """

    def __init__(self, topic: str, topic_id: str) -> None:
        self._topic = topic
        self._topic_id = topic_id
        self._segments: defaultdict[tuple[int, int], int] = defaultdict(int)  # bits as an integer
        self._changed: set[tuple[int, int]] = set()

    def load(self, value: bytes) -> None:
        """Apply a marker that was read; it replaces earlier ones of its segment.

        Those of another topic, or of a deleted one of the same name, are left out.

        Raises:
            MarkerError: it isn't a marker, or one of another version.
        """
        try:
            marker = msgspec.json.decode(value, type=ReplayMarker)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise MarkerError("a record that says nothing about replayed dead letters") from None
        if marker.version != VERSION or marker.first % SEGMENT_LETTERS:
            raise MarkerError(f"a record of another version ({marker.version})")
        if (marker.topic, marker.topic_id) == (self._topic, self._topic_id):
            segment = marker.partition, marker.first // SEGMENT_LETTERS
            self._segments[segment] = int.from_bytes(marker.bits, "little")

    def __contains__(self, letter: DeadLetter) -> bool:
        """Tell whether a dead letter was replayed."""
        segment, bit = divmod(letter.offset, SEGMENT_LETTERS)
        return bool(self._segments.get((letter.partition, segment), 0) >> bit & 1)

    def add(self, letter: DeadLetter) -> None:
        """Note a dead letter as replayed."""
        segment, bit = divmod(letter.offset, SEGMENT_LETTERS)
        self._segments[letter.partition, segment] |= 1 << bit
        self._changed.add((letter.partition, segment))

    def take_changes(self) -> Iterator[ReplayMarker]:
        """Yield a marker for each segment that was added to since the last call."""
        changed, self._changed = sorted(self._changed), set()
        for partition, segment in changed:
            bits = self._segments[partition, segment]
            octets = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
            first = segment * SEGMENT_LETTERS
            yield ReplayMarker(self._topic, self._topic_id, partition, first, octets)
