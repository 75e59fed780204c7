"""A windowed fold: merges all partitions' summaries, window by window.

Subclasses define what is kept of a window, and what it emits when it closes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, Protocol, TypeVar

from bytewax.operators import StatefulBatchLogic

from operators.enrich import iso_time
from operators.event_time import Windowing
from operators.state import OnIncompatible, State, StateFormatError, check_version
from operators.summarise import Summary, Total
from operators.watermark import Watermark

__all__ = ["FOLD_KEY", "FoldLogic", "WindowConfig"]

FOLD_KEY = "windows"  # one key for all summaries: one state, so one watermark
STATE_VERSION = 1
# The memory of all open windows together, as they estimate it: for insights, some 100,000 windows
# with few logins, or 9,000 with 3,000 users each; for alerts see docs/alerts.md. So many are open
# while one partition is read days behind another.
MAX_BYTES = 256_000_000
TARGET_BYTES = MAX_BYTES * 9 // 10  # lower, so that not every batch at the limit closes windows
MIN_OPEN_WINDOWS = 10  # stay open, however large they are: any flow has some
MANY_WINDOWS = 500  # logged at this number and at each doubling, long before the limit
NAMED_PARTITIONS = 3


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """The configuration of a windowed fold.

    Attributes:
        windowing: the length of windows and the allowed lateness.
        partitions: how many the input has.
        idle_seconds: how long windows wait for a partition without logins.
        at_end: tells, when the input has ended, whether to emit the open windows, too.
        warn: logs a warning.
        on_incompatible: called with one line if an earlier run's state is incompatible; ends the
            run.
        on_watermark: called with the watermark, in seconds since the epoch, after each batch.
        length_setting: the name of the setting for the length of windows.
        topic_setting: the name of the setting for their topic.
    """

    windowing: Windowing
    partitions: int
    idle_seconds: float
    at_end: Callable[[], bool]
    warn: Callable[[str], object]
    on_incompatible: OnIncompatible
    on_watermark: Callable[[int], object] = lambda _watermark: None
    length_setting: str = "WINDOW_SECONDS"
    topic_setting: str = "INSIGHTS_TOPIC"


AnyTotal = TypeVar("AnyTotal", contravariant=True)


class OpenWindow(Protocol[AnyTotal]):
    """What is kept of a window while it is open."""

    def add(self, partition: int, total: AnyTotal) -> None:
        """Add a part of the window; an input partition's parts come in order."""

    def saved(self) -> bytes:
        """Return its state for the recovery store."""

    def memory(self) -> int:
        """Return about how many bytes it takes.

        It depends on the window's logins and on their order within each partition, which a replay
        keeps; not on batches, restarts or how partitions interleave.
        """


Window = TypeVar("Window", bound=OpenWindow)  # type: ignore[type-arg]  # of what the fold is of
Results = TypeVar("Results")


class FoldLogic(
    StatefulBatchLogic[Summary[Total], Results, State], ABC, Generic[Total, Window, Results]
):
    """The open windows and the watermark.

    Summaries are folded first, then the watermark advances and windows close. In the other order, a
    batch that advances the watermark past a window would lose its own part of that window.

    Args:
        config: of the windowed fold.
        state: what snapshot() returned in an earlier run, or None.

    Raises:
        StateFormatError: another version of this program wrote the state, or the windows have
            another length now.
    """

    def __init__(self, config: WindowConfig, state: State | None = None) -> None:
        self._config = config
        self._windowing = config.windowing
        self._open: dict[int, Window] = {}
        self._oldest_first: list[int] = []  # a heap of their starts: there may be many thousands
        self._memory = 0  # of all open windows
        self._many = MANY_WINDOWS  # open windows at which the next line is due
        self._incomplete_to: dict[int, int] = {}  # by partition: see Summary
        watermark = None
        if state is not None:
            _, seconds, watermark, incomplete_to, saved = check_version(
                "the open windows", state, STATE_VERSION
            )
            _check_seconds(seconds, config)
            self._incomplete_to.update(incomplete_to)
            self._open.update((start, self._window(data)) for start, data in saved)
            self._oldest_first = sorted(self._open)
            self._memory = sum(window.memory() for window in self._open.values())
        self._watermark = Watermark(
            config.partitions, self._windowing.lateness, config.idle_seconds, watermark
        )

    def on_batch(self, values: list[Summary[Total]]) -> tuple[list[Results], bool]:
        """Fold the summaries, then close the windows that the watermark has passed."""
        late = sum(self._fold(summary) for summary in values)
        self._watermark.advance()
        closed = self._close()
        if self._memory > MAX_BYTES and len(self._open) > MIN_OPEN_WINDOWS:
            self._close_oldest_early()
            closed += self._close()
        self._warn_of_many()
        if self._watermark.time is not None:
            self._config.on_watermark(self._watermark.time)
        return self._results(self._complete(closed), late, final=True), self.RETAIN

    def on_eof(self) -> tuple[list[Results], bool]:
        """Emit the open windows if the input was read to its end; a later run continues them."""
        still_open = sorted(self._open.items()) if self._config.at_end() else []
        return self._results(self._complete(still_open), 0, final=False), self.RETAIN

    def snapshot(self) -> State:
        """Return the state as plain values; only changed windows are serialised again."""
        return (
            STATE_VERSION,
            self._windowing.seconds,
            self._watermark.to_state(),
            tuple(self._incomplete_to.items()),
            tuple((start, window.saved()) for start, window in self._open.items()),
        )

    @abstractmethod
    def _window(self, saved: bytes | None) -> Window:
        """Return an empty window, or one restored from what an earlier run saved."""

    @abstractmethod
    def _results(
        self, windows: list[tuple[int, Window]], late: int, *, final: bool
    ) -> list[Results]:
        """Return what to emit for these windows, in order; nothing if there is nothing to emit.

        Args:
            windows: the windows to emit, with their starts; they are not changed.
            late: how many logins came for windows that were already closed: their partition was
                idle, or too many windows were open.
            final: whether the windows are closed.
        """

    def _fold(self, summary: Summary[Total]) -> int:
        """Add a summary to the open windows; return how many logins came for closed ones."""
        partition, late = summary.partition, 0
        self._watermark.update(
            partition, summary.newest, summary.coverage, logins=summary.has_logins
        )
        if summary.incomplete_to is not None:
            self._incomplete_to[partition] = summary.incomplete_to
        for start, total in summary.windows.items():
            if self._is_closed(start):
                late += total.logins
                continue
            self._add(start, partition, total)
        return late

    def _add(self, start: int, partition: int, total: Total) -> None:
        window = self._open.get(start)
        if window is None:
            window = self._open[start] = self._window(None)
            heappush(self._oldest_first, start)
        else:
            self._memory -= window.memory()
        window.add(partition, total)
        self._memory += window.memory()

    def _is_closed(self, start: int) -> bool:
        watermark = self._watermark.time
        return watermark is not None and self._windowing.end(start) <= watermark

    def _close(self) -> list[tuple[int, Window]]:
        """Remove the windows that the watermark has passed, and return them in order."""
        closed = []
        while self._oldest_first and self._is_closed(self._oldest_first[0]):
            start = heappop(self._oldest_first)
            window = self._open.pop(start)
            self._memory -= window.memory()
            closed.append((start, window))
        return closed

    def _close_oldest_early(self) -> None:
        """Move the watermark past the oldest windows, until the others are small enough.

        A partition holds them open, and it is unknown whether it will catch up. Which windows are
        closed depends on what was folded, not on when.
        """
        memory, count = self._memory, 0
        starts = sorted(self._open)[:-MIN_OPEN_WINDOWS]
        while memory > TARGET_BYTES and count < len(starts):
            memory -= self._open[starts[count]].memory()
            count += 1
        end = self._windowing.end(starts[count - 1])
        waiting_for = _named(self._watermark.lagging(end))
        self._config.warn(_too_much_line(count, end, waiting_for, self._config.length_setting))
        self._watermark.advance_to(end)

    def _warn_of_many(self) -> None:
        """Log what the open windows are waiting for, each time their number has doubled."""
        count = len(self._open)
        if count >= self._many:
            lagging = self._watermark.lagging(self._windowing.end(self._oldest_first[0]))
            self._config.warn(
                f"{count:,} windows are open: they are written once newer logins arrive in "
                f"{_named(lagging)}"
            )
            self._many = 2 * count
        elif count < MANY_WINDOWS / 2:
            self._many = MANY_WINDOWS

    def _complete(self, windows: list[tuple[int, Window]]) -> list[tuple[int, Window]]:
        """Leave out windows with missing logins, and log which those are."""
        incomplete_to = max(self._incomplete_to.values(), default=-1)
        incomplete = [start for start, _ in windows if start <= incomplete_to]
        if incomplete:
            self._config.warn(_incomplete_line(incomplete))
        return windows[len(incomplete) :]


def _check_seconds(saved: int, config: WindowConfig) -> None:
    """Refuse open windows of another length: their logins can't be split again.

    Raises:
        StateFormatError: the open windows have another length.
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


def _named(lagging: Sequence[tuple[int, int | None]]) -> str:
    """Name the first few partitions, each with its newest login."""
    named = ", ".join(
        f"partition {partition} "
        + ("(no login yet)" if newest is None else f"(newest login {iso_time(newest)})")
        for partition, newest in lagging[:NAMED_PARTITIONS]
    )
    more = len(lagging) - NAMED_PARTITIONS
    return named + (f" and {more} more" if more > 0 else "")


def _too_much_line(count: int, end: int, waiting_for: str, length_setting: str) -> str:
    return (
        f"the oldest {count:,} windows, up to {iso_time(end)}, are closed early: open windows "
        f"took more than {MAX_BYTES // 1_000_000} MB, waiting for {waiting_for}; further logins "
        "for them count as late. If a producer's clock there has stopped, correct it; if reading "
        f"is only far behind there, a longer {length_setting} needs fewer windows"
    )
