"""The panel of alerts, in a real browser and from a real Kafka."""

import msgspec
from playwright.sync_api import Page as BrowserPage

from tests.browser.stage import COMPACTED, SPRAY, Stage, insight, login, wait_for_text
from tests.support.waiting import wait_until

replace = msgspec.structs.replace
# NiceGUI and browsers would run these where they are no text.
HOSTILE = "<img src=x onerror='window.hit = 1'>"


def rows(page: BrowserPage) -> list[list[str]]:
    """Return the lines shown, all at one moment: title, subject, evidence and sample."""
    found: list[list[str]] = page.evaluate(
        """() => Array.from(document.querySelectorAll(".alert:not(.hidden)"), line =>
            Array.from(line.children, part => part.innerText).slice(1))"""
    )
    return found


def test_alerts_appear_with_their_topic_and_are_replaced_by_key(
    stage: Stage, port: int, page: BrowserPage
) -> None:
    """No panel without the security flow; then each alert with its evidence, the newest first."""
    stage.make_topics()
    stage.write(insight(0, [login(1)]))
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_for_text(page, ".value-logins", "1")
        assert not page.locator(".alerts").is_visible()
        stage.topics.make(stage.flow.alerts_topic, 1, **COMPACTED)
        wait_until(lambda: page.locator(".alerts .nothing").is_visible(), "an empty panel")
        assert rows(page) == []
        early = replace(SPRAY, final=False, count=60, logins=61)
        burst = replace(
            SPRAY, kind="network_burst", window_start="2024-07-03T10:00:00Z", usual=3.25
        )
        stage.write_alerts(early, burst)
        first = ["Burst of a network", "203.0.113.0", "1,234 logins, usually 3.2", "ann, bob"]
        second = ["Password spray", "203.0.113.0", "60 users in 61 logins so far", "ann, bob"]
        wait_until(lambda: rows(page) == [first, second], "both alerts")
        stage.write_alerts(SPRAY)
        second[2] = "1,234 users in 2,000 logins"
        wait_until(lambda: rows(page) == [first, second], "the alert that replaced the early one")
        assert not page.locator(".alerts .nothing").is_visible()


def test_text_of_alerts_stays_text(stage: Stage, port: int, page: BrowserPage) -> None:
    """And a record that is no alert is counted, not shown."""
    stage.make_topics()
    stage.topics.make(stage.flow.alerts_topic, 1, **COMPACTED)
    stage.write_alerts(replace(SPRAY, kind=HOSTILE, subject=HOSTILE, sample=(HOSTILE,)))
    stage.topics.send(stage.flow.alerts_topic, [{"key": b"k", "value": b"{}"}])
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_until(lambda: rows(page), "the alert")
        assert rows(page) == [[HOSTILE, HOSTILE, f"1,234 {HOSTILE}", HOSTILE]]
        assert "1 records could not be read" in page.locator(".foot").inner_text()
        assert page.evaluate("window.hit") is None


def test_alerts_need_no_sideways_scrolling_on_a_phone(
    stage: Stage, port: int, page: BrowserPage
) -> None:
    """However long their texts are."""
    stage.make_topics()
    stage.topics.make(stage.flow.alerts_topic, 1, **COMPACTED)
    stage.write_alerts(replace(SPRAY, subject="u" * 1_000, sample=("s" * 1_000,) * 10))
    page.set_viewport_size({"width": 390, "height": 844})
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_until(lambda: rows(page), "the alert")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.evaluate("window.innerWidth")
