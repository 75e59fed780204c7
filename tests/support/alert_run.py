"""The security flow's operators without Kafka and engine: cut, mixed and saved as a test likes."""

from collections.abc import Callable, Iterable, Sequence

from models import Alert, ProcessedLogin
from operators.alerts import Findings, FindingsLogic, alert_key
from operators.bursts import BurstLogic
from operators.detectors import Thresholds
from operators.event_time import Windowing
from operators.fold import WindowConfig
from operators.lateness import LatenessLogic
from operators.login_columns import LoginColumns, summarise_columns
from operators.state import State
from tests.support.batches import login_batch
from tests.support.refusal import refuse

__all__ = ["AlertRun", "run_all"]

WINDOWING = Windowing(seconds=300, lateness=60)


class AlertRun:
    """One run over some partitions, batch by batch.

    Attributes:
        alerts: all that was written.
        late: logins that were told to be late.
    """

    def __init__(
        self, partitions: int, thresholds: Thresholds, windowing: Windowing = WINDOWING
    ) -> None:
        self._thresholds = thresholds
        self._windowing = windowing
        self._config = WindowConfig(windowing, partitions, 60, lambda: True, print, refuse)
        self._lateness = [LatenessLogic[LoginColumns](windowing) for _ in range(partitions)]
        self._findings = FindingsLogic(self._config, thresholds)
        self._bursts = BurstLogic(thresholds)
        self.alerts: list[Alert] = []
        self.late = 0

    def read(self, partition: int, logins: Sequence[ProcessedLogin]) -> None:
        """Take in a batch of a partition."""
        summary = summarise_columns(login_batch(logins, partition=partition), self._windowing)
        judged, _ = self._lateness[partition].on_batch([summary])
        found, _ = self._findings.on_batch(judged)
        self._write(found)

    def snapshot(self) -> State:
        """Return what the recovery store gets of the windows."""
        return self._findings.snapshot()

    def restart(self) -> None:
        """Go on from snapshots, as another process would."""
        self._lateness = [
            LatenessLogic(self._windowing, logic.snapshot()) for logic in self._lateness
        ]
        self._findings = FindingsLogic(self._config, self._thresholds, self.snapshot())
        self._bursts = BurstLogic(self._thresholds, self._bursts.snapshot())

    def end(self) -> None:
        """Come to the end of the input."""
        found, _ = self._findings.on_eof()
        self._write(found)

    def by_key(self) -> dict[str, Alert]:
        """Return what a reader of the compacted topic sees."""
        return {alert_key(alert): alert for alert in self.alerts}

    def _write(self, found: Iterable[Findings]) -> None:
        for one in found:
            self.late += one.late
            for alerts in self._bursts.on_batch([one])[0]:
                self.alerts += alerts


def run_all(
    parts: Sequence[Sequence[ProcessedLogin]],
    thresholds: Thresholds,
    size: Callable[[], int],
    turn: Callable[[list[int]], int],
    restart: Callable[[], bool] = lambda: False,
) -> AlertRun:
    """Read partitions to their ends.

    Args:
        parts: each partition's logins.
        thresholds: what is unusual.
        size: gives the next batch's size.
        turn: chooses which of these partitions is read next.
        restart: tells after each batch whether to go on from snapshots.
    """
    run = AlertRun(len(parts), thresholds)
    read = [0] * len(parts)
    while left := [place for place, logins in enumerate(parts) if read[place] < len(logins)]:
        place = turn(left)
        begin, read[place] = read[place], read[place] + size()
        run.read(place, parts[place][begin : read[place]])
        if restart():
            run.restart()
    run.end()
    return run
