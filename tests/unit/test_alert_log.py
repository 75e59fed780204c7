from structlog.testing import capture_logs

from models import Alert
from operators.alert_log import WindowLog, log_alerts
from operators.alerts import Findings, WindowFindings
from operators.detectors import Span
from operators.late_watch import LateWatch
from tests.support.clock import Clock


def found(start: int) -> Findings:
    """One window with 10 logins, and one login that was late."""
    return Findings((WindowFindings(Span(start, start + 300, final=True), 10, (), {}),), 1)


def alert(kind: str, subject: str) -> Alert:
    """An alert of a kind."""
    span = Span(0, 300, final=True)
    return span.alert(kind, subject, count=9, threshold=9, logins=9, sample=["ann"])


def test_windows_that_are_caught_up_with_share_a_line() -> None:
    """The first is logged at once, what follows within a minute together, and no login twice."""
    clock = Clock()
    log = WindowLog(LateWatch(print, ""), clock)
    with capture_logs() as lines:
        for start in (0, 300, 600, 900):
            log.count(found(start))
            clock.now += 29
    assert [(line["until"], line["logins"], line["late_logins"]) for line in lines] == [
        ("1970-01-01T00:05:00Z", 10, 1),
        ("1970-01-01T00:20:00Z", 30, 3),
    ]


def test_alerts_are_logged_by_kind_with_their_topic_and_no_subject() -> None:
    """Whoever watches the terminal hears of an attack; ids and networks are not for logs."""
    with capture_logs() as lines:
        log_alerts("a-topic", (alert("password_spray", "a"), alert("many_networks", "b")))
        log_alerts("a-topic", (alert("password_spray", "c"),) * 2)
        log_alerts("a-topic", ())
    same = {"event": "alerts", "log_level": "warning", "written_to": "a-topic"}
    assert lines == [
        {**same, "many_networks": 1, "password_spray": 1},
        {**same, "password_spray": 2},
    ]
