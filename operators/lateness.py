"""Decides which logins are late, by their partition alone, so that a replay decides the same."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Generic

from bytewax.dataflow import Stream
from bytewax.operators import StatefulBatchLogic

from operators.event_time import Windowing
from operators.state import OnIncompatible, State, check_version, stateful
from operators.summarise import Summary, Total

__all__ = ["LatenessLogic", "lateness"]

STATE_VERSION = 1
# After a gap: the first login read may itself be late; 20 in a row hardly are.
LOGINS_AFTER_GAP = 20


def lateness(
    step_id: str,
    up: Stream[Summary[Total]],
    windowing: Windowing,
    on_incompatible: OnIncompatible,
) -> Stream[Summary[Total]]:
    """Separate late logins from those in time, for each input partition by itself.

    A login is late if its window ended more than the allowed lateness before the newest login that
    its partition had up to then. `summarise` has decided that within the batch. What came before
    the batch is the same for all its logins of a window, so here a window's part of the batch is
    either late as a whole or not at all. Where batches begin and end makes no difference.

    Args:
        step_id: names the state in the recovery store; another name loses it.
        up: summaries of batches, in order within each partition.
        windowing: the length of windows and the allowed lateness.
        on_incompatible: called with one line if an earlier run's state is incompatible; ends the
            run.
    """

    def build(state: State | None) -> LatenessLogic[Total]:
        return LatenessLogic(windowing, state)

    return stateful(step_id, up, lambda summary: summary.key, build, on_incompatible)


class LatenessLogic(StatefulBatchLogic[Summary[Total], Summary[Total], State], Generic[Total]):
    """The newest login of one input partition so far.

    Args:
        windowing: the length of windows and the allowed lateness.
        state: what snapshot() returned in an earlier run, or None.
        clock: seconds since the epoch.

    Raises:
        StateFormatError: another version of this program wrote the state.
    """

    def __init__(
        self,
        windowing: Windowing,
        state: State | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._windowing = windowing
        self._clock = clock
        self._newest: int | None = None
        self._unsure = 0  # logins still needed to know where a gap ends
        if state is not None:
            what = "the newest login of a partition"
            _, self._newest, self._unsure = check_version(what, state, STATE_VERSION)

    def on_batch(self, values: list[Summary[Total]]) -> tuple[list[Summary[Total]], bool]:
        """Compare each batch with those before it."""
        return [self._split_late(summary) for summary in values], self.RETAIN

    def snapshot(self) -> State:
        """Return the state as plain values."""
        return (STATE_VERSION, self._newest, self._unsure)

    def _split_late(self, summary: Summary[Total]) -> Summary[Total]:
        late = self._late_windows(summary)
        windows = summary.windows
        if late:
            windows = {start: windows[start] for start in windows if start not in late}
        self._newest = _newer(self._newest, summary.newest)
        return replace(
            summary,
            newest=self._newest,
            windows=windows,
            late=summary.late + tuple(summary.windows[start] for start in late),
            incomplete_to=self._incomplete_to(summary),
        )

    def _late_windows(self, summary: Summary[Total]) -> list[int]:
        newest = self._newest
        if newest is None:
            return []
        return [start for start in summary.windows if self._windowing.is_past(start, newest)]

    def _incomplete_to(self, summary: Summary[Total]) -> int | None:
        """Return the latest event time that unread records before a gap can have.

        They came before the first ones read, so they are newer than those by the allowed lateness
        at most, or else those would be late. The first one may itself be late, hence the newest of
        a few. Before any login it is unknown, but nothing is newer than now.
        """
        if summary.gap:
            self._unsure = LOGINS_AFTER_GAP
        if not self._unsure:
            return None
        logins = sum(stats.logins for stats in summary.windows.values()) + summary.late_logins
        self._unsure = max(0, self._unsure - logins)
        if self._newest is None:
            return int(self._clock())
        return self._newest + self._windowing.lateness


def _newer(one: int | None, other: int | None) -> int | None:
    """Return the later of two times, either of which may be missing."""
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)
