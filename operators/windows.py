"""The windows of the insights: merges all partitions' totals, window by window."""

from dataclasses import dataclass
from zlib import compress, decompress

from bytewax.dataflow import Stream

from models import Insight
from operators.fold import FOLD_KEY, FoldLogic, WindowConfig
from operators.insights import make_insight
from operators.state import State, stateful
from operators.stats import LoginStats
from operators.summarise import Summary

__all__ = ["WindowConfig", "WindowResults", "WindowsLogic", "windows"]

FASTEST = 1  # of zlib's levels; the others gain little


@dataclass(frozen=True, slots=True)
class WindowResults:
    """What folding a few summaries resulted in.

    Attributes:
        insights: the windows to write, in order.
        late: how many logins came for windows that were already closed.
    """

    insights: tuple[Insight, ...] = ()
    late: int = 0


def windows(
    step_id: str, up: Stream[Summary[LoginStats]], config: WindowConfig
) -> Stream[WindowResults]:
    """Add up each window over all partitions, and emit it when the watermark has passed its end.

    Args:
        step_id: names the state in the recovery store; another name loses it.
        up: summaries after `lateness`, in order within each partition.
        config: of the windowed fold.
    """

    def build(state: State | None) -> WindowsLogic:
        return WindowsLogic(config, state)

    return stateful(step_id, up, lambda _summary: FOLD_KEY, build, config.on_incompatible)


class _Window:
    """An open window's totals, with their serialised form cached until something is added.

    With one partition far ahead a thousand windows may be open: serialising all of them for every
    snapshot, each second, would take longer than a second.

    Args:
        saved: what saved() returned in an earlier run, or None.
    """

    __slots__ = ("_saved", "stats")

    def __init__(self, saved: bytes | None = None) -> None:
        self._saved = saved
        self.stats = LoginStats()
        if saved is not None:
            self.stats = LoginStats.from_bytes(decompress(saved))

    def add(self, _partition: int, stats: LoginStats) -> None:
        """Add totals of logins."""
        self._saved = None
        self.stats.merge(stats)

    def saved(self) -> bytes:
        """Return the totals as bytes, compressed to a quarter: a sketch is mostly zeros."""
        if self._saved is None:
            self._saved = compress(self.stats.to_bytes(), FASTEST)
        return self._saved

    def memory(self) -> int:
        """Return about how many bytes the totals take."""
        return self.stats.memory()


class WindowsLogic(FoldLogic[LoginStats, _Window, WindowResults]):
    """Windows of totals, each of which becomes an insight."""

    def _window(self, saved: bytes | None) -> _Window:
        return _Window(saved)

    def _results(
        self, windows: list[tuple[int, _Window]], late: int, *, final: bool
    ) -> list[WindowResults]:
        insights = tuple(
            make_insight(start, window.stats, self._windowing, final=final)
            for start, window in windows
        )
        return [WindowResults(insights, late)] if insights or late else []
