"""The page's data, built record by record from the topics; knows neither Kafka nor browsers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from dashboard.alerts import AlertLog
from insights.windows import UnreadableRecordError, Windows
from models import Progress

__all__ = ["DeadLetters", "InputRange", "ProgressLog", "Topics"]

REASON_HEADER = "dlq.reason"
NO_REASON = "no reason given"
REASONS_KEPT = 50  # the flow has about ten; other writers must not fill the memory
LONGEST_REASON = 64  # characters
OTHER_REASONS = "other reasons"
RATE_SECONDS = 10  # long enough to smooth batches, short enough to be live
SMOOTH_SECONDS = 5  # for the history: a busy flow writes its progress in bursts
HISTORY_SECONDS = 120

Headers = Iterable[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class InputRange:
    """The offsets of an input partition that can be read.

    Attributes:
        begin: the first offset.
        end: the offset after the last one.
    """

    begin: int
    end: int


class DeadLetters:
    """Dead letters by reason."""

    def __init__(self) -> None:
        self._reasons: Counter[str] = Counter()
        self.total = 0
        self.newest: float | None = None

    def apply(self, headers: Headers | None, timestamp_ms: int) -> None:
        """Count a dead letter by the reason in its headers."""
        reason = next((value for name, value in headers or () if name == REASON_HEADER), None)
        text = (reason or b"").decode(errors="replace")[:LONGEST_REASON] or NO_REASON
        known = text in self._reasons or len(self._reasons) < REASONS_KEPT
        self._reasons[text if known else OTHER_REASONS] += 1
        self.total += 1
        self.newest = max(self.newest or 0.0, timestamp_ms / 1_000)

    def by_reason(self) -> dict[str, int]:
        """Return the counts."""
        return dict(self._reasons)


class ProgressLog:
    """How far the flow has come, and how fast, from progress records and their timestamps.

    Args:
        topic: the input topic; progress of others is ignored.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._last: dict[int, Progress] = {}
        self._seconds: Counter[int] = Counter()  # records processed, by the second it was written

    def apply(self, value: bytes | None, timestamp_ms: int) -> None:
        """Apply a progress record.

        Raises:
            UnreadableRecordError: it is not a progress record.
        """
        try:
            progress = msgspec.json.decode(value or b"", type=Progress)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableRecordError(str(error)) from None
        if progress.topic != self._topic:
            return
        last = self._last.get(progress.partition)
        if last is not None and last.topic_id == progress.topic_id:
            self._seconds[timestamp_ms // 1_000] += max(0, progress.offset - last.offset)
        self._last[progress.partition] = progress
        self._forget()

    def knows(self, partition: int) -> bool:
        """Tell whether progress of an input partition was read."""
        return partition in self._last

    def processed(self) -> int:
        """Return how many input records were processed since the flow's state began."""
        return sum(max(0, last.offset - last.start) for last in self._last.values())

    def lag(self, ranges: Mapping[int, InputRange]) -> int:
        """Return how many records of the input aren't processed yet."""
        lag = 0
        for partition, found in ranges.items():
            last = self._last.get(partition)
            lag += max(0, found.end - (last.offset if last else found.begin))
        return lag

    def rate(self, now: float) -> float:
        """Return records processed per second, over the last full RATE_SECONDS."""
        second = int(now)
        return (
            sum(self._seconds[second - back] for back in range(1, RATE_SECONDS + 1)) / RATE_SECONDS
        )

    def history(self, now: float) -> list[tuple[int, float]]:
        """Return pairs (seconds since the epoch, records per second) for the last two minutes."""
        first = int(now) - HISTORY_SECONDS
        return [(second, self._mean(second, SMOOTH_SECONDS)) for second in range(first, int(now))]

    def _mean(self, last: int, seconds: int) -> float:
        return sum(self._seconds[last - back] for back in range(seconds)) / seconds

    def _forget(self) -> None:
        if len(self._seconds) > 2 * HISTORY_SECONDS:
            for second in sorted(self._seconds)[:-HISTORY_SECONDS]:
                del self._seconds[second]


@dataclass
class Topics:
    """Everything read so far.

    Attributes:
        progress: of the flow.
        windows: the newest ones.
        dead_letters: all on their topic.
        alerts: the newest ones.
        ranges: the input's offsets, by partition.
        unreadable: how many records were of an unknown form.
        revision: grows whenever windows change.
    """

    progress: ProgressLog
    windows: Windows = field(default_factory=Windows)
    dead_letters: DeadLetters = field(default_factory=DeadLetters)
    alerts: AlertLog = field(default_factory=AlertLog)
    ranges: Mapping[int, InputRange] = field(default_factory=dict)
    unreadable: int = 0
    revision: int = 0

    def apply_insight(self, key: bytes | None, value: bytes | None) -> None:
        """Apply a record of the insights topic; one that can't be read is counted."""
        self.revision += 1
        try:
            self.windows.apply(key, value)
        except UnreadableRecordError:
            self.unreadable += 1

    def apply_alert(self, key: bytes | None, value: bytes | None) -> None:
        """Apply a record of the alerts topic; one that can't be read is counted."""
        try:
            self.alerts.apply(key, value)
        except UnreadableRecordError:
            self.unreadable += 1

    def apply_progress(self, value: bytes | None, timestamp_ms: int) -> None:
        """Apply a record of the progress topic; one that can't be read is counted."""
        try:
            self.progress.apply(value, timestamp_ms)
        except UnreadableRecordError:
            self.unreadable += 1
