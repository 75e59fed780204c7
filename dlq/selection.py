"""Which dead letters a command is about: by reason, by time, by offset."""

from dataclasses import dataclass, field

from dlq.letters import Letter

__all__ = ["OffsetRange", "Selection"]


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """A range of offsets in one partition of the dead-letter topic.

    Attributes:
        partition: of the dead-letter topic.
        first: the first offset that belongs to it.
        last: the last one that does; None: no end.
    """

    partition: int
    first: int
    last: int | None = None

    def __contains__(self, letter: Letter) -> bool:
        """Tell whether a letter lies in the range."""
        return (
            letter.partition == self.partition
            and letter.offset >= self.first
            and (self.last is None or letter.offset <= self.last)
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What a letter has to be; of each kind of condition that is given, one has to hold.

    Attributes:
        reasons: its reason is one of these; empty: any.
        since: its input record's timestamp is this or later, in ms since the epoch.
        until: its input record's timestamp is before this, in ms since the epoch.
        ranges: it lies in one of these; empty: anywhere.
    """

    reasons: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None
    ranges: tuple[OffsetRange, ...] = field(default=())

    def takes(self, letter: Letter) -> bool:
        """Tell whether a letter is meant."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and self._takes_time(letter)
            and (not self.ranges or any(letter in part for part in self.ranges))
        )

    def bounds(self, partition: int, low: int, end: int) -> tuple[int, int]:
        """Return which part of a partition has to be read: its first offset and the one behind.

        Args:
            partition: of the dead-letter topic.
            low: the first offset that it still holds.
            end: the offset behind its last record.
        """
        if not self.ranges:
            return low, end
        ranges = [part for part in self.ranges if part.partition == partition]
        if not ranges:
            return end, end
        first = max(low, min(part.first for part in ranges))
        behind = max(end if part.last is None else part.last + 1 for part in ranges)
        return min(first, end), max(min(behind, end), min(first, end))

    def _takes_time(self, letter: Letter) -> bool:
        """A letter that doesn't say when its record was written is in no time range."""
        if self.since is None and self.until is None:
            return True
        if letter.origin is None:
            return False
        time = letter.origin.timestamp
        return (self.since is None or time >= self.since) and (
            self.until is None or time < self.until
        )
