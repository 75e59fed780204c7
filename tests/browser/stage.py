"""Topics as the flow leaves them, written record by record, and the page that shows them."""

import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from playwright.sync_api import Page as BrowserPage

from connectors.progress import progress_key
from models import Alert, Insight, ProcessedLogin, Progress
from operators.alerts import alert_key
from operators.event_time import Windowing
from operators.insights import iso_time, make_insight
from operators.stats import LoginStats
from tests.support.flow import Flow
from tests.support.processes import start_process
from tests.support.waiting import DEADLINE_SECONDS, wait_until

PARTITIONS = 2
WINDOWING = Windowing(60, 10)
START = 1_720_000_020  # of the first window: 2024-07-03T09:47:00Z
COMPACTED = {"cleanup.policy": "compact"}
SPRAY = Alert(
    kind="password_spray",
    subject="203.0.113.0",
    window_start=iso_time(START),
    window_end=iso_time(START + 300),
    count=1_234,
    threshold=50,
    logins=2_000,
    usual=None,
    sample=("ann", "bob"),
    final=True,
)


def login(number: int, **fields: Any) -> ProcessedLogin:
    """Return a clean login of a user of its own."""
    values: dict[str, Any] = {
        "user_id": f"user-{number}",
        "device_id": "d",
        "device_type": "iOS",
        "app_version": "2.3.0",
        "version_category": "current",
        "locale": "NY",
        "masked_ip": None,
        "timestamp": START,
        "login_at": iso_time(START),
        "processed_at": iso_time(START),
        "quality": [],
    }
    return ProcessedLogin(**{**values, **fields})


def insight(number: int, logins: Sequence[ProcessedLogin], *, final: bool = True) -> Insight:
    """Return what the flow writes of the window of a number."""
    stats = LoginStats()
    stats.add(logins)
    return make_insight(START + number * WINDOWING.seconds, stats, WINDOWING, final=final)


class Stage:
    """One test's topics.

    Args:
        flow: names them.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.topics = flow.topics

    def make_topics(self) -> None:
        """Make all topics, empty."""
        flow = self.flow
        self.topics.make(flow.input, PARTITIONS)
        self.topics.make(flow.dead_letter_topic, PARTITIONS)
        self.topics.make(flow.insights_topic, 1, **COMPACTED)
        self.topics.make(flow.progress_topic, PARTITIONS, **COMPACTED)

    def write(self, *insights: Insight) -> None:
        """Write insights as the flow does."""
        records = [
            {"key": found.window_start.encode(), "value": msgspec.json.encode(found)}
            for found in insights
        ]
        self.topics.send(self.flow.insights_topic, records)

    def write_alerts(self, *alerts: Alert) -> None:
        """Write alerts as the security flow does."""
        records = [
            {"key": alert_key(alert).encode(), "value": msgspec.json.encode(alert)}
            for alert in alerts
        ]
        self.topics.send(self.flow.alerts_topic, records)

    def write_progress(self, partition: int, offset: int, start: int = 0) -> None:
        """Write how far an input partition is processed."""
        progress = Progress(self.flow.input, "id", partition, offset, start)
        record = {
            "key": progress_key(self.flow.input, partition).encode(),
            "value": msgspec.json.encode(progress),
            "partition": partition,
        }
        self.topics.send(self.flow.progress_topic, [record])

    def write_input(self, partition: int, count: int) -> None:
        """Write input records."""
        record = {"value": b"{}", "partition": partition}
        self.topics.send(self.flow.input, [record] * count)

    def write_dead_letters(self, reason: str, count: int) -> None:
        """Write dead letters of a reason."""
        record = {"value": b"x", "headers": [("dlq.reason", reason.encode())]}
        self.topics.send(self.flow.dead_letter_topic, [record] * count)

    @contextmanager
    def dashboard(self, port: int, end_with: int = signal.SIGTERM) -> Iterator[str]:
        """Run the page while the block runs, and give its address; a signal ends it in order."""
        log = self.flow.folder / "dashboard.log"
        with log.open("ab") as output:
            process = start_process(
                [sys.executable, "-m", "dashboard"],
                cwd=self.flow.folder,
                env=self.flow.environment(DASHBOARD_PORT=str(port)),
                stdout=output,
                stderr=output,
            )
        try:
            wait_until(lambda: _answers(port), "the page is served")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(end_with)
            status = process.wait(120)
        assert status == 0
        assert "Traceback" not in log.read_text(), log.read_text()


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def text(page: BrowserPage, selector: str) -> str:
    """Return an element's text."""
    return page.locator(selector).inner_text()


def wait_for_text(
    page: BrowserPage, selector: str, wanted: str, seconds: float = DEADLINE_SECONDS
) -> None:
    """Return when an element shows a text."""
    try:
        wait_until(lambda: text(page, selector) == wanted, f"{wanted!r} at {selector}", seconds)
    except AssertionError as error:
        raise AssertionError(f"{error}; it is {text(page, selector)!r}") from None


def ranking(page: BrowserPage, name: str) -> dict[str, str]:
    """Return a ranking's rows: count by name."""
    rows = page.locator(f".ranking-{name} .rank:visible")
    names = rows.locator(".rank-name").all_inner_texts()
    return dict(zip(names, rows.locator(".rank-count").all_inner_texts(), strict=True))


def series(page: BrowserPage, chart: str) -> dict[str, list[list[float]]]:
    """Return a chart's data by series, as ECharts holds it."""
    found: dict[str, list[list[float]]] = page.evaluate(
        """chart => {
            const id = Number(document.querySelector(`.${chart}`).id.slice(1));
            const series = getElement(id).chart.getOption().series;
            return Object.fromEntries(series.map(one => [one.name, one.data]));
        }""",
        chart,
    )
    return found
