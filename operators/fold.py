"""A windowed fold: all partitions' summaries in one place, window by window.

What is kept of a window, and what it says when it closes, is the business of those who use it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from bytewax.operators import StatefulBatchLogic

from operators.enrich import iso_time
from operators.event_time import Windowing
from operators.state import Refuse, State, StateFormatError, check_version
from operators.summarise import Summary, Total
from operators.watermark import Watermark

__all__ = ["FOLD_KEY", "FoldLogic", "WindowConfig"]

FOLD_KEY = "windows"  # one key for all summaries: one state, so one watermark
STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """What a windowed fold has to be told.

    Attributes:
        windowing: what windows there are.
        partitions: how many the input has.
        idle_seconds: how long windows wait for a partition that gives no login.
        at_end: tells, when the input has ended, whether the open windows shall be shown as well.
        tell: takes a line for the people who run the flow.
        refuse: ends the run with a text when state of an earlier run doesn't fit.
        moved: is told where the watermark is, in seconds since the epoch, when it may have moved.
        length_setting: which setting says how long the windows are.
        topic_setting: which one says where they are written.
    """

    windowing: Windowing
    partitions: int
    idle_seconds: float
    at_end: Callable[[], bool]
    tell: Callable[[str], object]
    refuse: Refuse
    moved: Callable[[int], object] = lambda _watermark: None
    length_setting: str = "WINDOW_SECONDS"
    topic_setting: str = "INSIGHTS_TOPIC"


AnyTotal = TypeVar("AnyTotal", contravariant=True)


class OpenWindow(Protocol[AnyTotal]):
    """What is kept of a window while it is open."""

    def add(self, partition: int, total: AnyTotal) -> None:
        """Take in a part of the window; those of an input partition come in their order."""

    def saved(self) -> bytes:
        """Return all of it for the recovery store."""


Window = TypeVar("Window", bound=OpenWindow)  # type: ignore[type-arg]  # of what the fold is of
Results = TypeVar("Results")


class FoldLogic(
    StatefulBatchLogic[Summary[Total], Results, State], ABC, Generic[Total, Window, Results]
):
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
        self._open: dict[int, Window] = {}
        self._incomplete_to: dict[int, int] = {}  # by partition: see Summary
        watermark = None
        if state is not None:
            _, seconds, watermark, incomplete_to, saved = check_version(
                "the open windows", state, STATE_VERSION
            )
            _check_seconds(seconds, config)
            self._incomplete_to.update(incomplete_to)
            self._open.update((start, self._window(data)) for start, data in saved)
        self._watermark = Watermark(
            config.partitions, self._windowing.lateness, config.idle_seconds, watermark
        )

    def on_batch(self, values: list[Summary[Total]]) -> tuple[list[Results], bool]:
        """Fold the summaries, then close the windows that nothing in time can come for."""
        late = sum(self._fold(summary) for summary in values)
        self._watermark.advance()
        if self._watermark.time is not None:
            self._config.moved(self._watermark.time)
        closed = sorted(start for start in self._open if self._is_closed(start))
        results = self._results(self._complete(closed), late, final=True)
        for start in closed:
            del self._open[start]
        return results, self.RETAIN

    def on_eof(self) -> tuple[list[Results], bool]:
        """Show the open windows if the input was read to its end, and keep them for a later run."""
        still_open = sorted(self._open) if self._config.at_end() else []
        return self._results(self._complete(still_open), 0, final=False), self.RETAIN

    def snapshot(self) -> State:
        """Return the state as plain values; only windows that changed are made ready anew."""
        return (
            STATE_VERSION,
            self._windowing.seconds,
            self._watermark.to_state(),
            tuple(self._incomplete_to.items()),
            tuple((start, window.saved()) for start, window in self._open.items()),
        )

    @abstractmethod
    def _window(self, saved: bytes | None) -> Window:
        """Return a window with nothing in it, or with what an earlier run saved of it."""

    @abstractmethod
    def _results(
        self, windows: list[tuple[int, Window]], late: int, *, final: bool
    ) -> list[Results]:
        """Return what windows say, in their order, if there is anything to say.

        Args:
            windows: closed or shown, by their starts; they are not changed.
            late: how many logins came for a window that idleness had closed.
            final: whether the windows are closed.
        """

    def _fold(self, summary: Summary[Total]) -> int:
        """Add a summary to the open windows; return how many logins came for closed ones."""
        partition, late = summary.partition, 0
        self._watermark.hear(partition, summary.newest, summary.coverage, logins=summary.has_logins)
        if summary.incomplete_to is not None:
            self._incomplete_to[partition] = summary.incomplete_to
        for start, total in summary.windows.items():
            if self._is_closed(start):
                late += total.logins
                continue
            if start not in self._open:
                self._open[start] = self._window(None)
            self._open[start].add(partition, total)
        return late

    def _is_closed(self, start: int) -> bool:
        watermark = self._watermark.time
        return watermark is not None and self._windowing.end(start) <= watermark

    def _complete(self, starts: list[int]) -> list[tuple[int, Window]]:
        """Leave out the windows that lack logins: these are named instead."""
        incomplete_to = max(self._incomplete_to.values(), default=-1)
        incomplete = [start for start in starts if start <= incomplete_to]
        if incomplete:
            self._config.tell(_incomplete_line(incomplete))
        return [(start, self._open[start]) for start in starts[len(incomplete) :]]


def _check_seconds(saved: int, config: WindowConfig) -> None:
    """Refuse to go on with open windows of another length: their logins can't be told apart.

    Raises:
        StateFormatError: they have.
    """
    wanted, setting = config.windowing.seconds, config.length_setting
    if saved != wanted:
        raise StateFormatError(
            f"{setting} is {wanted}, but the recovery folder holds open windows of {saved} "
            f"seconds: set {setting}={saved} again; or, for windows of {wanted} seconds, "
            "start with a new recovery folder (-r), which reads the input again without writing "
            f"an output twice, and a new {config.topic_setting}, so that both lengths don't mix"
        )


def _incomplete_line(starts: Iterable[int]) -> str:
    names = ", ".join(iso_time(start) for start in starts)
    return (
        f"these windows are not written, since records of theirs were not read (the start of the "
        f"state is no longer in the log, or ON_MISSING_STATE=continue): {names}"
    )
