"""What the security flow logs of its work: windows that were checked, and alerts."""

import time
from collections import Counter
from collections.abc import Callable

import structlog

from models import Alert
from operators.alerts import Findings
from operators.enrich import iso_time
from operators.late_watch import LateWatch

__all__ = ["LEFT_OUT", "WindowLog", "log_alerts"]

log = structlog.get_logger()

LEFT_OUT = (
    "a window had more users, networks or places than are kept, so that alerts of those with few "
    "logins may be missing: is it a flood of made-up names? (docs/alerts.md, Limits)"
)
# While the flow catches up, windows are checked several times a second.
SECONDS_BETWEEN_LINES = 60.0


class WindowLog:
    """Logs that windows were checked, so that a quiet flow and a stuck one look different.

    At most one line a minute: what was checked in between is in the next one.

    Args:
        late_watch: is told of logins and late logins.
        clock: monotonic, in seconds.
    """

    def __init__(self, late_watch: LateWatch, clock: Callable[[], float] = time.monotonic) -> None:
        self._late_watch = late_watch
        self._clock = clock
        self._due = clock()
        self._logins = 0
        self._late = 0

    def count(self, findings: Findings) -> None:
        """Count what was found, and log it if a line is due."""
        logins = sum(window.logins for window in findings.windows)
        self._late_watch.count(logins + findings.late, findings.late)
        self._logins += logins
        self._late += findings.late
        if self._clock() >= self._due:
            until = iso_time(findings.windows[-1].span.end)
            log.info("windows checked", until=until, logins=self._logins, late_logins=self._late)
            self._due = self._clock() + SECONDS_BETWEEN_LINES
            self._logins = self._late = 0
        if any(window.left_out for window in findings.windows):
            log.warning(LEFT_OUT)


def log_alerts(topic: str, alerts: tuple[Alert, ...]) -> None:
    """Log how many alerts of each kind there are; their subjects are on the topic only."""
    if alerts:
        kinds = Counter(alert.kind for alert in alerts)
        log.warning("alerts", **dict(sorted(kinds.items())), written_to=topic)
