"""The running report: one for the whole flow, with state that survives restarts."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
from bytewax.dataflow import Stream
from bytewax.operators import KeyedStream, StatefulBatchLogic

from operators.state import OnIncompatible, State, check_version, stateful
from operators.stats import OTHER, LoginStats
from operators.summarise import Summary
from operators.windows import WindowResults

__all__ = [
    "Report",
    "ReportLogic",
    "Share",
    "Tally",
    "Totals",
    "late_tally",
    "make_report",
    "report",
    "tally",
    "top",
]

REPORT_KEY = "report"  # one key for all tallies: one state, and so one report
STATE_VERSION = 2  # 2 has late logins
SECONDS_BETWEEN_REPORTS = 1.0  # a busy flow would fill the screen
SHORTEST_SPAN_SECONDS = 0.001  # a rate over less means nothing
TOP_VALUES = 10  # of app versions and of locales: as many as fit on a screen

Clock = Callable[[], float]
LateChecked = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Share:
    """A value, how often it was counted, and that as a fraction of 1."""

    name: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What the report adds up. It must not be changed once created.

    Attributes:
        stats: the totals of all logins, late ones too, in parts.
        rejects: how many records became dead letters, by reason.
        late: how many logins, of these or of earlier ones, turned out to be late.
    """

    stats: tuple[LoginStats, ...]
    rejects: Mapping[str, int]
    late: int


def tally(summary: Summary[LoginStats]) -> Tally:
    """Return the tally of a summary after `lateness`."""
    stats = (*summary.windows.values(), *summary.late)
    return Tally(stats, summary.rejects, summary.late_logins)


def late_tally(results: WindowResults) -> Tally:
    """Return the tally of logins that are already in the totals and turned out to be late."""
    return Tally((), {}, results.late)


class Totals:
    """The totals so far.

    Args:
        state: what to_state() returned in an earlier run, or None.

    Attributes:
        stats: of all logins.
        rejects: dead letters by reason.
        late: logins that were late for their window.
    """

    def __init__(self, state: State | None = None) -> None:
        self.stats = LoginStats()
        self.rejects: Counter[str] = Counter()
        self.late = 0
        if state is not None:
            what = "the report's totals"
            _, stats, rejects, self.late = check_version(what, state, STATE_VERSION)
            self.stats = LoginStats.from_state(stats)
            self.rejects.update(rejects)

    @property
    def records(self) -> int:
        """How many logins and dead letters there were."""
        return self.stats.logins + self.rejects.total()

    def add(self, tally: Tally) -> None:
        """Add a tally."""
        for stats in tally.stats:
            self.stats.merge(stats)
        self.rejects.update(tally.rejects)
        self.late += tally.late

    def to_state(self) -> State:
        """Return plain values, which later tallies don't change."""
        return (STATE_VERSION, self.stats.to_state(), dict(self.rejects), self.late)


@dataclass(frozen=True, slots=True)
class Report:
    """What a report shows. Shares are of the logins; those of dead letters, of the records.

    Attributes:
        logins: processed since the recovery folder was created.
        logins_per_second: since the previous report; in the final one, over this run; None until it
            is known.
        unique_users: an estimate.
        dead_letters: how many records can't be processed.
        late: logins that were too late for their window; all other figures include them.
        device_types: most frequent first, like the following.
        app_versions: the ten most frequent, the rest as `other`.
        version_categories: all of them.
        locales: the ten most frequent, the rest as `other`.
        quality: by flag; a login can have several or none.
        reasons: dead letters by reason.
        final: whether it is the last report of a run.
    """

    logins: int
    logins_per_second: float | None
    unique_users: int
    dead_letters: int
    late: Share
    device_types: tuple[Share, ...]
    app_versions: tuple[Share, ...]
    version_categories: tuple[Share, ...]
    locales: tuple[Share, ...]
    quality: tuple[Share, ...]
    reasons: tuple[Share, ...]
    final: bool


def report(
    step_id: str,
    up: Stream[Tally],
    every: int,
    on_incompatible: OnIncompatible,
    late_checked: LateChecked = lambda _logins, _late: None,
) -> KeyedStream[Report]:
    """Add up tallies and emit a report whenever another `every` records have been seen.

    At most one report per second; what comes too early is shown when the second is over. A last
    report, marked as final, comes when the input ends.

    Args:
        step_id: names the state in the recovery store; another name loses it.
        up: tallies of all partitions.
        every: how many records, logins and dead letters together, are between two reports.
        on_incompatible: called with one line if an earlier run's state is incompatible; ends the
            run.
        late_checked: called with the number of further logins, and of these or earlier ones that
            turned out to be late.
    """

    def build(state: State | None) -> ReportLogic:
        return ReportLogic(every, state, late_checked=late_checked)

    reports = stateful(step_id, up, lambda _tally: REPORT_KEY, build, on_incompatible)
    return op.key_on(f"{step_id}-for-one-sink-partition", reports, lambda _report: REPORT_KEY)


class ReportLogic(StatefulBatchLogic[Tally, Report, State]):
    """Keeps the totals, and decides when to show them.

    Args:
        every: how many records are between two reports.
        state: what snapshot() returned in an earlier run, or None.
        clock: seconds, never going back.
        late_checked: called with the number of further logins, and of these or earlier ones that
            turned out to be late.

    Raises:
        StateFormatError: another version of this program wrote the state.
    """

    def __init__(
        self,
        every: int,
        state: State | None = None,
        clock: Clock = time.monotonic,
        late_checked: LateChecked = lambda _logins, _late: None,
    ) -> None:
        self._every = every
        self._clock = clock
        self._late_checked = late_checked
        self._totals = Totals(state)
        self._steps_shown = self._steps()
        self._earliest = clock()
        self._first: _Mark | None = None
        self._last: _Mark | None = None

    def on_batch(self, values: list[Tally]) -> tuple[list[Report], bool]:
        """Add the tallies up, and report if that is due."""
        records, logins, late = self._counts()
        for tally in values:
            self._totals.add(tally)
        more_records, more_logins, more_late = self._counts()
        self._late_checked(more_logins - logins, more_late - late)
        if self._first is None and more_records > records:
            # Rates begin here: it is unknown when the first batch began.
            self._first = self._last = _Mark(self._clock(), self._totals.stats.logins)
        return self._due_reports(), self.RETAIN

    def on_notify(self) -> tuple[list[Report], bool]:
        """Report what came too early for the previous report."""
        return self._due_reports(), self.RETAIN

    def on_eof(self) -> tuple[list[Report], bool]:
        """Report once more, and keep the state: a later run continues."""
        return [self._make(self._first, final=True)], self.RETAIN

    def notify_at(self) -> datetime | None:
        """Return when a delayed report may be shown."""
        if self._steps() == self._steps_shown:
            return None
        seconds = max(0.0, self._earliest - self._clock())
        return datetime.now(UTC) + timedelta(seconds=seconds)

    def snapshot(self) -> State:
        """Return the totals as plain values, which later batches don't change."""
        return self._totals.to_state()

    def _due_reports(self) -> list[Report]:
        if self._steps() == self._steps_shown or self._clock() < self._earliest:
            return []
        return [self._make(self._last, final=False)]

    def _make(self, since: "_Mark | None", *, final: bool) -> Report:
        now = _Mark(self._clock(), self._totals.stats.logins)
        rate = since.rate_until(now) if since else None
        self._steps_shown, self._last = self._steps(), now
        self._earliest = now.seconds + SECONDS_BETWEEN_REPORTS
        return make_report(self._totals, rate, final=final)

    def _counts(self) -> tuple[int, int, int]:
        """Return how many records, logins and late logins there were."""
        return self._totals.records, self._totals.stats.logins, self._totals.late

    def _steps(self) -> int:
        """Return how many times `every` records have been seen."""
        return self._totals.records // self._every


@dataclass(frozen=True, slots=True)
class _Mark:
    """How many logins had been processed at a time."""

    seconds: float
    logins: int

    def rate_until(self, now: "_Mark") -> float | None:
        """Return logins per second; None without logins or if the time is too short."""
        seconds, logins = now.seconds - self.seconds, now.logins - self.logins
        return logins / seconds if logins and seconds >= SHORTEST_SPAN_SECONDS else None


def make_report(totals: Totals, rate: float | None, *, final: bool) -> Report:
    """Return what a report shows of these totals."""
    stats, rejects = totals.stats, totals.rejects
    logins, dead_letters = stats.logins, rejects.total()
    return Report(
        logins=logins,
        logins_per_second=rate,
        unique_users=stats.users.estimate(),
        dead_letters=dead_letters,
        late=Share("late logins", totals.late, totals.late / logins if logins else 0.0),
        device_types=top(stats.device_types.counts(), logins),
        app_versions=top(stats.app_versions.counts(), logins, TOP_VALUES),
        version_categories=top(stats.version_categories.counts(), logins),
        locales=top(stats.locales.counts(), logins, TOP_VALUES),
        quality=top(stats.quality.counts(), logins),
        reasons=top(rejects, logins + dead_letters),
        final=final,
    )


def top(counts: Mapping[str, int], whole: int, limit: int | None = None) -> tuple[Share, ...]:
    """Return the most frequent values, ties by name, and the rest as `other` at the end.

    Args:
        counts: by value; `other` doesn't count against the limit.
        whole: the total that shares are fractions of.
        limit: how many values; None for all.
    """
    named = sorted((-count, name) for name, count in counts.items() if name != OTHER)[:limit]
    shown = [(name, -count) for count, name in named]
    rest = sum(counts.values()) - sum(count for _, count in shown)
    if rest:
        shown.append((OTHER, rest))
    return tuple(Share(name, count, count / whole) for name, count in shown)
