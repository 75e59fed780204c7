"""The windowed fold: all partitions' summaries in one place, window by window."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from zlib import compress, decompress

import bytewax.operators as op
from bytewax.dataflow import Stream
from bytewax.operators import StatefulBatchLogic

from models import Insight
from operators.event_time import Windowing
from operators.insights import iso_time, make_insight
from operators.state import Refuse, State, StateFormatError, check_version, or_refuse
from operators.stats import LoginStats
from operators.summarise import Summary
from operators.watermark import Watermark

__all__ = ["WindowConfig", "WindowResults", "WindowsLogic", "windows"]

WINDOWS_KEY = "windows"  # one key for all summaries: one state, so one watermark
STATE_VERSION = 1
FASTEST = 1  # of zlib's levels; the others gain little


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """What the windowed fold has to be told.

    Attributes:
        windowing: what windows there are.
        partitions: how many the input has.
        at_end: tells, when the input has ended, whether the open windows shall be shown as well.
        tell: takes a line for the people who run the flow.
        refuse: ends the run with a text when state of an earlier run doesn't fit.
        moved: is told where the watermark is, in seconds since the epoch, when it may have moved.
    """

    windowing: Windowing
    partitions: int
    at_end: Callable[[], bool]
    tell: Callable[[str], object]
    refuse: Refuse
    moved: Callable[[int], object] = lambda _watermark: None


@dataclass(frozen=True, slots=True)
class WindowResults:
    """What a few summaries brought about.

    Attributes:
        insights: the windows to be written, in their order.
        late: how many logins came for a window that idleness had closed.
    """

    insights: tuple[Insight, ...] = ()
    late: int = 0


def windows(step_id: str, up: Stream[Summary], config: WindowConfig) -> Stream[WindowResults]:
    """Add up each window over all partitions, and emit it when the watermark has passed its end.

    Args:
        step_id: names the state in the recovery store; another name loses it.
        up: summaries after `lateness`, those of a partition in their order.
        config: the windows, and what to do beside.
    """
    keyed = op.key_on(f"{step_id}-in-one-place", up, lambda _summary: WINDOWS_KEY)

    def build(state: State | None) -> WindowsLogic:
        return WindowsLogic(config, state)

    folded = op.stateful_batch(step_id, keyed, or_refuse(build, config.refuse))
    return op.key_rm(f"{step_id}-done", folded)


class WindowsLogic(StatefulBatchLogic[Summary, WindowResults, State]):
    """The open windows and the watermark.

    Summaries are folded first; then the watermark moves and windows close. In the other order a
    batch that moves the watermark past a window would lose its own part of it.

    Args:
        config: the windows, and what to do beside.
        state: what snapshot() returned in an earlier run, or None.

    Raises:
        StateFormatError: another version of this program wrote the state, or the windows have
            another length now.
    """

    def __init__(self, config: WindowConfig, state: State | None = None) -> None:
        self._config = config
        self._windowing = config.windowing
        self._open: dict[int, _Window] = {}
        self._incomplete_to: dict[int, int] = {}  # by partition: see Summary
        watermark = None
        if state is not None:
            _, seconds, watermark, incomplete_to, saved = check_version(
                "the open windows", state, STATE_VERSION
            )
            _check_seconds(seconds, self._windowing.seconds)
            self._incomplete_to.update(incomplete_to)
            self._open.update((start, _Window(data)) for start, data in saved)
        self._watermark = Watermark(config.partitions, self._windowing.lateness, watermark)

    def on_batch(self, values: list[Summary]) -> tuple[list[WindowResults], bool]:
        """Fold the summaries, then close the windows that nothing in time can come for."""
        late = sum(self._fold(summary) for summary in values)
        self._watermark.advance()
        if self._watermark.time is not None:
            self._config.moved(self._watermark.time)
        closed = sorted(start for start in self._open if self._is_closed(start))
        insights = self._insights(closed, final=True)
        for start in closed:
            del self._open[start]
        return _results(insights, late), self.RETAIN

    def on_eof(self) -> tuple[list[WindowResults], bool]:
        """Show the open windows if the input was read to its end, and keep them for a later run."""
        insights = self._insights(sorted(self._open), final=False) if self._config.at_end() else ()
        return _results(insights, 0), self.RETAIN

    def snapshot(self) -> State:
        """Return the state as plain values; only windows that changed are made ready anew."""
        return (
            STATE_VERSION,
            self._windowing.seconds,
            self._watermark.to_state(),
            tuple(self._incomplete_to.items()),
            tuple((start, window.saved()) for start, window in self._open.items()),
        )

    def _fold(self, summary: Summary) -> int:
        """Add a summary to the open windows; return how many logins came for closed ones."""
        partition, late = summary.partition, 0
        self._watermark.hear(partition, summary.newest, idle=summary.idle)
        if summary.incomplete_to is not None:
            self._incomplete_to[partition] = summary.incomplete_to
        for start, stats in summary.windows.items():
            if self._is_closed(start):
                late += stats.logins
            else:
                self._open.setdefault(start, _Window()).add(stats)
        return late

    def _is_closed(self, start: int) -> bool:
        watermark = self._watermark.time
        return watermark is not None and self._windowing.end(start) <= watermark

    def _insights(self, starts: list[int], *, final: bool) -> tuple[Insight, ...]:
        """Return what the windows say, save those that lack logins: these are named instead."""
        incomplete_to = max(self._incomplete_to.values(), default=-1)
        incomplete = [start for start in starts if start <= incomplete_to]
        if incomplete:
            self._config.tell(_incomplete_line(incomplete))
        return tuple(
            make_insight(start, self._open[start].stats, self._windowing, final=final)
            for start in starts[len(incomplete) :]
        )


class _Window:
    """An open window's totals, and their saved form while nothing is added.

    With one partition far ahead a thousand windows may be open: to make each of them ready for
    the recovery store every second would take longer than the second.

    Args:
        saved: what saved() returned in an earlier run, or None.
    """

    __slots__ = ("_saved", "stats")

    def __init__(self, saved: bytes | None = None) -> None:
        self._saved = saved
        self.stats = LoginStats()
        if saved is not None:
            self.stats = LoginStats.from_bytes(decompress(saved))

    def add(self, stats: LoginStats) -> None:
        """Add totals of logins."""
        self._saved = None
        self.stats.merge(stats)

    def saved(self) -> bytes:
        """Return the totals as bytes, a quarter of what they are: a sketch is mostly zeros."""
        if self._saved is None:
            self._saved = compress(self.stats.to_bytes(), FASTEST)
        return self._saved


def _results(insights: tuple[Insight, ...], late: int) -> list[WindowResults]:
    return [WindowResults(insights, late)] if insights or late else []


def _check_seconds(saved: int, wanted: int) -> None:
    """Refuse to go on with open windows of another length: their logins can't be told apart.

    Raises:
        StateFormatError: they have.
    """
    if saved != wanted:
        raise StateFormatError(
            f"WINDOW_SECONDS is {wanted}, but the recovery folder holds open windows of {saved} "
            f"seconds: set WINDOW_SECONDS={saved} again; or, for windows of {wanted} seconds, "
            "start with a new recovery folder (-r), which reads the input again without writing "
            "an output twice, and a new INSIGHTS_TOPIC, so that both lengths don't mix"
        )


def _incomplete_line(starts: Iterable[int]) -> str:
    names = ", ".join(iso_time(start) for start in starts)
    return (
        f"these windows are not written, since records of theirs were not read (the start of the "
        f"state is no longer in the log, or ON_MISSING_STATE=continue): {names}"
    )
