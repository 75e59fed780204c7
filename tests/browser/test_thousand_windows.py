"""A thousand windows on show, and more to come."""

import time

import pytest
from playwright.sync_api import Page as BrowserPage

from models import Insight
from tests.browser.stage import Stage, insight, login, series, text, wait_for_text

SHOWN = 1_000
MORE = 200
NEW = 10
FRAMES_SECONDS = 4.0
LOCALES = ("NY", "CA", "TX", "SE", "FR", "JP", "unknown")
VERSIONS = ("1.9.0", "2.0.1", "2.1.0", "2.2.9", "2.3.0", "2.3.1", "2.4.0", "3.0.0")


def many(number: int) -> Insight:
    """Return a window with 50 logins of every version and many places."""
    logins = [
        login(
            number * 7 + place,
            locale=LOCALES[place % len(LOCALES)],
            app_version=VERSIONS[place % len(VERSIONS)],
        )
        for place in range(50)
    ]
    return insight(number, logins)


def test_only_the_newest_thousand_are_kept(stage: Stage, port: int, page: BrowserPage) -> None:
    """Older windows leave totals and charts, so that the page never grows; it says so."""
    stage.make_topics()
    stage.write(*(insight(number, [login(1)]) for number in range(SHOWN + MORE)))
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_for_text(page, ".value-logins", f"{SHOWN:,}")
        elements = page.locator("main *").count()
        points = len(series(page, "logins-chart")["Logins"])
        assert points == SHOWN
        assert "newest 1,000 windows" in text(page, ".foot")
        for number in range(SHOWN + MORE, SHOWN + MORE + NEW):
            stage.write(insight(number, [login(1), login(2)]))
            wait_for_text(page, ".value-logins", f"{SHOWN + number - SHOWN - MORE + 1:,}")
        assert page.locator("main *").count() == elements
        assert len(series(page, "logins-chart")["Logins"]) == points


@pytest.mark.alone
def test_they_stay_smooth_while_windows_come(stage: Stage, port: int, page: BrowserPage) -> None:
    """While windows come as fast as they can, the page still draws most of its frames."""
    stage.make_topics()
    stage.write(*(many(number) for number in range(SHOWN)))
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_for_text(page, ".value-logins", f"{50 * SHOWN:,}")
        at_rest = _frames(page, stage, range(0))
        while_windows_come = _frames(page, stage, range(SHOWN, SHOWN + 1_000))
    assert while_windows_come > 0.5 * at_rest


def _frames(page: BrowserPage, stage: Stage, numbers: range) -> int:
    """Return how many frames the page draws in a while, in which windows are written."""
    page.evaluate(
        """() => {
            window.frames_drawn = 0;
            const count = () => { window.frames_drawn++; requestAnimationFrame(count); };
            if (!window.counting) { window.counting = true; requestAnimationFrame(count); }
        }"""
    )
    deadline = time.monotonic() + FRAMES_SECONDS
    waiting = iter(numbers)
    while (left := deadline - time.monotonic()) > 0:
        number = next(waiting, None)
        if number is not None:
            stage.write(many(number))
        page.wait_for_timeout(min(100, 1_000 * left))
    frames: int = page.evaluate("window.frames_drawn")
    return frames
