"""Bursts: compares a network's logins in a window with those in earlier windows."""

from collections import deque
from collections.abc import Mapping

from bytewax.dataflow import Stream
from bytewax.operators import StatefulBatchLogic

from models import Alert
from operators.alerts import Findings, WindowFindings
from operators.detectors import Thresholds, network_bursts
from operators.state import OnIncompatible, State, check_version, stateful

__all__ = ["HISTORY", "BurstLogic", "bursts"]

BURSTS_KEY = "bursts"  # one key for all windows: they are compared in order
STATE_VERSION = 1
HISTORY = 12  # windows with logins that define what is usual: an hour, in windows of five minutes


def bursts(
    step_id: str, up: Stream[Findings], thresholds: Thresholds, on_incompatible: OnIncompatible
) -> Stream[tuple[Alert, ...]]:
    """Add bursts to the other alerts of windows.

    Args:
        step_id: names the state in the recovery store; another name loses it.
        up: windows in order.
        thresholds: what is far more than usual.
        on_incompatible: called with one line if an earlier run's state is incompatible; ends the
            run.
    """

    def build(state: State | None) -> BurstLogic:
        return BurstLogic(thresholds, state)

    return stateful(step_id, up, lambda _findings: BURSTS_KEY, build, on_incompatible)


class BurstLogic(StatefulBatchLogic[Findings, tuple[Alert, ...], State]):
    """The busiest networks of the last windows.

    Args:
        thresholds: what is far more than usual.
        state: what snapshot() returned in an earlier run, or None.

    Raises:
        StateFormatError: another version of this program wrote the state.
    """

    def __init__(self, thresholds: Thresholds, state: State | None = None) -> None:
        self._thresholds = thresholds
        self._history: deque[Mapping[str, int]] = deque(maxlen=HISTORY)
        if state is not None:
            _, history = check_version("the networks' usual logins", state, STATE_VERSION)
            self._history.extend(history)

    def on_batch(self, values: list[Findings]) -> tuple[list[tuple[Alert, ...]], bool]:
        """Compare windows with those before them; only closed windows become history."""
        return [self._add_bursts(findings.windows) for findings in values], self.RETAIN

    def snapshot(self) -> State:
        """Return the state as plain values."""
        return (STATE_VERSION, tuple(self._history))

    def _add_bursts(self, windows: tuple[WindowFindings, ...]) -> tuple[Alert, ...]:
        history = self._history.copy()
        alerts: list[Alert] = []
        for window in windows:
            alerts += window.alerts
            alerts += network_bursts(window.busy, history, window.span, self._thresholds)
            history.append({network: now.logins for network, now in window.busy.items()})
            if window.span.final:
                self._history = history.copy()
        return tuple(alerts)
