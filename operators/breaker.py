"""Stops the flow when too many records are dead letters: something is wrong upstream."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bytewax.dataflow import Stream
from bytewax.operators import StatefulBatchLogic

from operators.state import OnIncompatible, State, check_version, stateful
from operators.summarise import Summary, Total

__all__ = ["BreakerLogic", "Counts", "Stop", "breaker", "counts"]

BREAKER_KEY = "breaker"  # one key for all partitions: the ratio is the whole flow's
STATE_VERSION = 1
SAMPLE_RECORDS = 10_000  # from the contract: fewer prove nothing, with more it reacts late
# Records are counted in buckets of at least this size, so that the state stays small even if
# batches are small. The oldest bucket is dropped first.
BUCKET_RECORDS = 100
# Time to commit the batch that exceeds the limit, and to take a snapshot of this state.
SECONDS_BEFORE_STOP = 3.0
NAMED_REASONS = 3


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records a batch had, and how many of them are dead letters, by reason."""

    records: int
    rejects: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stop:
    """A request to stop the flow.

    Attributes:
        message: what happened and what to do.
        at_end: the input has ended, too.
    """

    message: str
    at_end: bool


def counts(summary: Summary[Total]) -> Counts:
    """Return what the breaker needs to know about a batch."""
    logins = sum(total.logins for total in (*summary.windows.values(), *summary.late))
    return Counts(logins + sum(summary.rejects.values()), summary.rejects)


def breaker(
    step_id: str, up: Stream[Counts], max_ratio: float, on_incompatible: OnIncompatible
) -> Stream[Stop]:
    """Emit a stop when too many of the last 10,000 records were dead letters.

    Nothing is lost or skipped: the records are dead letters. The counts are part of the state, so a
    restart stops again at once, until the ratio is raised or turned off.

    Args:
        step_id: names the state in the recovery store; another name loses it.
        up: counts of batches.
        max_ratio: the highest allowed share of dead letters, 0 to 1; 0 turns the breaker off.
        on_incompatible: called with one line if an earlier run's state is incompatible; ends the
            run.
    """

    def build(state: State | None) -> BreakerLogic:
        return BreakerLogic(max_ratio, state)

    return stateful(step_id, up, lambda _counts: BREAKER_KEY, build, on_incompatible)


class BreakerLogic(StatefulBatchLogic[Counts, Stop, State]):
    """Counts the last records, and stops if too many are dead letters.

    Args:
        max_ratio: the highest allowed share of dead letters, 0 to 1; 0 turns the breaker off.
        state: what snapshot() returned in an earlier run, or None.
        clock: seconds, never going back.

    Raises:
        StateFormatError: another version of this program wrote the state.
    """

    def __init__(
        self,
        max_ratio: float,
        state: State | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_ratio = max_ratio
        self._clock = clock
        self._buckets: deque[tuple[int, Counter[str]]] = deque()
        self._records = 0
        self._stop_at: float | None = None
        if state is not None:
            _, buckets = check_version("the last records' faults", state, STATE_VERSION)
            for records, rejects in buckets:
                self._add(records, rejects)
            self._stop_at = clock() if self._is_too_much() else None

    def on_batch(self, values: list[Counts]) -> tuple[list[Stop], bool]:
        """Count records, and decide whether to stop."""
        for counted in values:
            self._add(counted.records, counted.rejects)
            if self._stop_at is None and self._is_too_much():
                self._stop_at = self._clock() + SECONDS_BEFORE_STOP
        return [], self.RETAIN

    def on_notify(self) -> tuple[list[Stop], bool]:
        """Stop when it is time to."""
        if self._stop_at is None or self._clock() < self._stop_at:
            return [], self.RETAIN
        return [Stop(self._message(), at_end=False)], self.RETAIN

    def on_eof(self) -> tuple[list[Stop], bool]:
        """Stop at the end of the input, if it comes first."""
        stops = [] if self._stop_at is None else [Stop(self._message(), at_end=True)]
        return stops, self.RETAIN

    def notify_at(self) -> datetime | None:
        """Return when to stop."""
        if self._stop_at is None:
            return None
        return datetime.now(UTC) + timedelta(seconds=max(0.0, self._stop_at - self._clock()))

    def snapshot(self) -> State:
        """Return the counts as plain values."""
        return (STATE_VERSION, tuple((n, dict(rejects)) for n, rejects in self._buckets))

    def _add(self, records: int, rejects: Mapping[str, int]) -> None:
        """Count records, and drop the oldest bucket once the others have enough records."""
        if self._buckets and self._buckets[-1][0] < BUCKET_RECORDS:
            last, reasons = self._buckets.pop()
            self._buckets.append((last + records, reasons + Counter(rejects)))
        else:
            self._buckets.append((records, Counter(rejects)))
        self._records += records
        while self._records - self._buckets[0][0] >= SAMPLE_RECORDS:
            self._records -= self._buckets.popleft()[0]

    def _rejects(self) -> Counter[str]:
        return sum((reasons for _, reasons in self._buckets), Counter[str]())

    def _is_too_much(self) -> bool:
        if not self._max_ratio or self._records < SAMPLE_RECORDS:
            return False
        return self._rejects().total() > self._max_ratio * self._records

    def _message(self) -> str:
        rejects = self._rejects()
        worst = ", ".join(f"{name} {n:,}" for name, n in rejects.most_common(NAMED_REASONS))
        return (
            f"{rejects.total():,} of the last {self._records:,} records are dead letters, more "
            f"than MAX_DEAD_LETTER_RATIO={self._max_ratio:g} allows (most: {worst}): something is "
            "wrong upstream; none of them is lost; fix it there, then start again with a higher "
            "MAX_DEAD_LETTER_RATIO, or with 0, until the bad records have passed"
        )
