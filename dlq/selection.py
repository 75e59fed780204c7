"""Which dead letters a command is about: by reason, by time, by offset."""

from dataclasses import dataclass

from dlq.dead_letter import DeadLetter

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a dead letter has to match: of each kind that is given, one condition.

    Attributes:
        reasons: empty: any.
        times: of the original record, in ms since the epoch; None: any.
        offsets: partitions of the dead-letter topic, each with a range of offsets; empty: any.
    """

    reasons: frozenset[str] = frozenset()
    times: range | None = None
    offsets: tuple[tuple[int, range], ...] = ()

    def selects(self, letter: DeadLetter) -> bool:
        """Tell whether a dead letter matches; one of unknown origin is in no range of times."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (
                self.times is None or (letter.input_topic != "" and letter.timestamp in self.times)
            )
            and (not self.offsets or any(letter.offset in o for o in self._of(letter.partition)))
        )

    def to_read(self, partition: int, low: int, end: int) -> range:
        """Return which offsets of a partition hold all that is selected.

        Args:
            partition: of the dead-letter topic.
            low: the first offset that it still holds.
            end: the offset after its last record.
        """
        if not self.offsets:
            return range(low, end)
        first = min((offsets.start for offsets in self._of(partition)), default=end)
        stop = max((offsets.stop for offsets in self._of(partition)), default=end)
        first = min(max(first, low), end)
        return range(first, max(first, min(stop, end)))

    def _of(self, partition: int) -> list[range]:
        return [offsets for number, offsets in self.offsets if number == partition]
