"""Stops the flow when most of what comes in is no login: something is wrong upstream."""

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

BREAKER_KEY = "breaker"  # one key for all partitions: one judgement of the whole flow
STATE_VERSION = 1
JUDGED_RECORDS = 10_000  # the contract's: fewer say nothing, more would take long to notice
# Records are forgotten in portions of at least so many, so that the state stays small however
# small the batches are.
PORTION_RECORDS = 100
# The batch that tips the scales is committed, and a snapshot of this state taken, before the stop.
SECONDS_BEFORE_STOP = 3.0
NAMED_REASONS = 3


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records a batch had, and how many of them are dead letters, by reason."""

    records: int
    rejects: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stop:
    """That the flow has to stop.

    Attributes:
        message: what happened and what to do.
        at_end: the input has ended anyway.
    """

    message: str
    at_end: bool


def counts(summary: Summary[Total]) -> Counts:
    """Return what the breaker has to know of a batch."""
    logins = sum(total.logins for total in (*summary.windows.values(), *summary.late))
    return Counts(logins + sum(summary.rejects.values()), summary.rejects)


def breaker(
    step_id: str, up: Stream[Counts], max_ratio: float, on_incompatible: OnIncompatible
) -> Stream[Stop]:
    """Emit a stop when too many of the last 10,000 records were dead letters.

    Nothing is lost or skipped: the records are in the dead letters. The judgement is part of the
    state, so a restart stops again at once, until the ratio is raised or turned off.

    Args:
        step_id: names the state in the recovery store; another name loses it.
        up: counts of batches.
        max_ratio: the most dead letters a record that are fine; 0 turns it off.
        on_incompatible: ends the run with a text when state of an earlier run doesn't fit.
    """

    def build(state: State | None) -> BreakerLogic:
        return BreakerLogic(max_ratio, state)

    return stateful(step_id, up, lambda _counts: BREAKER_KEY, build, on_incompatible)


class BreakerLogic(StatefulBatchLogic[Counts, Stop, State]):
    """The last records' counts, and when to stop because of them.

    Args:
        max_ratio: the most dead letters a record that are fine; 0 turns it off.
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
        self._portions: deque[tuple[int, Counter[str]]] = deque()
        self._records = 0
        self._stop_at: float | None = None
        if state is not None:
            _, portions = check_version("the last records' faults", state, STATE_VERSION)
            for records, rejects in portions:
                self._add(records, rejects)
            self._stop_at = clock() if self._is_too_much() else None

    def on_batch(self, values: list[Counts]) -> tuple[list[Stop], bool]:
        """Count records, and decide."""
        for counted in values:
            self._add(counted.records, counted.rejects)
            if self._stop_at is None and self._is_too_much():
                self._stop_at = self._clock() + SECONDS_BEFORE_STOP
        return [], self.RETAIN

    def on_notify(self) -> tuple[list[Stop], bool]:
        """Stop, when it is time."""
        if self._stop_at is None or self._clock() < self._stop_at:
            return [], self.RETAIN
        return [Stop(self._message(), at_end=False)], self.RETAIN

    def on_eof(self) -> tuple[list[Stop], bool]:
        """Stop with the end of the input, if it comes first."""
        stops = [] if self._stop_at is None else [Stop(self._message(), at_end=True)]
        return stops, self.RETAIN

    def notify_at(self) -> datetime | None:
        """Return when to stop."""
        if self._stop_at is None:
            return None
        return datetime.now(UTC) + timedelta(seconds=max(0.0, self._stop_at - self._clock()))

    def snapshot(self) -> State:
        """Return the counts as plain values."""
        return (STATE_VERSION, tuple((n, dict(rejects)) for n, rejects in self._portions))

    def _add(self, records: int, rejects: Mapping[str, int]) -> None:
        """Count records, and forget the oldest as soon as enough others are known."""
        if self._portions and self._portions[-1][0] < PORTION_RECORDS:
            last, reasons = self._portions.pop()
            self._portions.append((last + records, reasons + Counter(rejects)))
        else:
            self._portions.append((records, Counter(rejects)))
        self._records += records
        while self._records - self._portions[0][0] >= JUDGED_RECORDS:
            self._records -= self._portions.popleft()[0]

    def _rejects(self) -> Counter[str]:
        return sum((reasons for _, reasons in self._portions), Counter[str]())

    def _is_too_much(self) -> bool:
        if not self._max_ratio or self._records < JUDGED_RECORDS:
            return False
        return self._rejects().total() > self._max_ratio * self._records

    def _message(self) -> str:
        rejects = self._rejects()
        worst = ", ".join(f"{name} {n:,}" for name, n in rejects.most_common(NAMED_REASONS))
        return (
            f"{rejects.total():,} of the last {self._records:,} records are dead letters, more "
            f"than MAX_DEAD_LETTER_RATIO={self._max_ratio:g} allows (most: {worst}): something is "
            "wrong upstream; none of them is lost; mend it there, then start again with a higher "
            "MAX_DEAD_LETTER_RATIO, or with 0, until the bad records are behind"
        )
