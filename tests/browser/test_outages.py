"""The page when its broker, or the page's own server, goes away and comes back."""

import signal
from pathlib import Path

from playwright.sync_api import Page as BrowserPage

from local_kafka import LocalKafka
from tests.browser.stage import Stage, insight, login, text, wait_for_text
from tests.support.flow import Flow
from tests.support.waiting import wait_until


def test_a_broker_that_goes_away_is_told_and_waited_for(
    tmp_path: Path, port: int, page: BrowserPage
) -> None:
    """What was read stays on show; when the broker is back, new windows come by themselves."""
    with LocalKafka(tmp_path / "kafka") as broker:
        stage = Stage(Flow(broker.bootstrap_servers, "outage", tmp_path))
        stage.make_topics()
        stage.write(insight(0, [login(1)]))
        with stage.dashboard(port) as address:
            page.goto(address)
            wait_for_text(page, ".value-logins", "1")
            wait_for_text(page, ".status-word", "Live")
            broker.kill()
            wait_for_text(page, ".status-word", "Kafka is away")
            assert broker.bootstrap_servers in text(page, ".banner-title")
            assert text(page, ".value-logins") == "1"
            broker.start()
            stage.write(insight(1, [login(2)]))
            wait_for_text(page, ".status-word", "Live")
            wait_for_text(page, ".value-logins", "2")
            wait_until(lambda: not page.locator(".banner").is_visible(), "no banner any more")


def test_a_page_without_any_broker_says_so(
    tmp_path: Path, free_ports: list[int], page: BrowserPage
) -> None:
    """The page is served while Kafka isn't there yet, and begins when it comes."""
    broker = LocalKafka(tmp_path / "kafka", free_ports[1])
    stage = Stage(Flow(broker.bootstrap_servers, "outage", tmp_path))
    with stage.dashboard(free_ports[0]) as address:
        page.goto(address)
        wait_for_text(page, ".status-word", "Kafka is away")
        with broker:
            stage.make_topics()
            stage.write(insight(0, [login(1)]))
            wait_for_text(page, ".value-logins", "1")
            wait_for_text(page, ".status-word", "Live")


def test_a_page_whose_server_was_restarted_goes_on(
    stage: Stage, port: int, page: BrowserPage
) -> None:
    """The server keeps nothing that isn't on the topics: an open page shows the same again."""
    stage.make_topics()
    stage.write(insight(0, [login(1)]))
    with stage.dashboard(port, end_with=signal.SIGHUP) as address:
        page.goto(address)
        wait_for_text(page, ".value-logins", "1")
    stage.write(insight(1, [login(2)]))
    with stage.dashboard(port):
        wait_for_text(page, ".value-logins", "2")
