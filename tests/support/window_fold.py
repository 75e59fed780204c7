"""Lateness and windows without an engine."""

import pickle
from collections.abc import Sequence
from typing import Any

from models import Insight, ProcessedLogin
from operators.batches import Reason
from operators.event_time import Windowing
from operators.lateness import LatenessLogic
from operators.state import State
from operators.stats import LoginStats
from operators.summarise import Summary, summarise
from operators.windows import WindowConfig, WindowResults, WindowsLogic
from records import Coverage
from tests.support.batches import at, login_batch
from tests.support.refusal import refuse

WINDOWING = Windowing(seconds=60, lateness=10)
IDLE_SECONDS = 60
IDLE = Coverage(read_at=61.0, since=0.0, until=60.0)  # of a partition that was silent for so long


class Fold:
    """Lateness and the windowed fold, called as the engine calls them.

    Attributes:
        told: the lines for people.
    """

    def __init__(
        self,
        partitions: int = 2,
        windowing: Windowing = WINDOWING,
        *,
        at_end: bool = True,
        state: Any = None,
    ) -> None:
        self.told: list[str] = []
        self._windowing = windowing
        lateness: dict[int, State] = state[0] if state else {}
        self._lateness = {
            partition: LatenessLogic[LoginStats](windowing, lateness.get(partition), lambda: 900.0)
            for partition in range(partitions)
        }
        config = WindowConfig(
            windowing, partitions, IDLE_SECONDS, lambda: at_end, self.told.append, refuse
        )
        self._windows = WindowsLogic(config, state[1] if state else None)

    def __call__(self, partition: int, *timestamps: int, **source: Any) -> WindowResults:
        """Give a batch of a partition, and return what that brings about."""
        return self.give(self.summary(partition, at(*timestamps), **source))

    def summary(
        self, partition: int, logins: Sequence[ProcessedLogin], *reasons: Reason, **source: Any
    ) -> Summary[LoginStats]:
        """Return a batch's summary."""
        batch = login_batch(logins, *reasons, partition=partition, **source)
        return summarise(batch, self._windowing)

    def give(self, *summaries: Summary[LoginStats]) -> WindowResults:
        """Give summaries all at once."""
        judged = [
            self._lateness[summary.partition].on_batch([summary])[0][0] for summary in summaries
        ]
        results, discard = self._windows.on_batch(judged)
        assert not discard
        return results[0] if results else WindowResults()

    def end(self) -> list[Insight]:
        """End the input and return what is shown."""
        results, discard = self._windows.on_eof()
        assert not discard
        return [insight for result in results for insight in result.insights]

    def state(self) -> Any:
        """Return the state as a restart finds it."""
        lateness = {partition: logic.snapshot() for partition, logic in self._lateness.items()}
        return pickle.loads(pickle.dumps((lateness, self._windows.snapshot())))  # noqa: S301 - our own
