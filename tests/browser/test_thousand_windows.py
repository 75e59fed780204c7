"""A thousand windows on show, and more to come."""

import time

from playwright.sync_api import Page as BrowserPage

from dashboard.page import REFRESH_SECONDS
from models import Insight
from tests.browser.stage import Stage, insight, login, series, text, wait_for_text

SHOWN = 1_000
MORE = 200
NEW = 10
FAST = 50
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


def test_charts_are_drawn_once_for_all_windows_that_came_meanwhile(
    stage: Stage, port: int, page: BrowserPage
) -> None:
    """However fast windows come, a thousand of them are drawn at most once per refresh."""
    stage.make_topics()
    stage.write(*(many(number) for number in range(SHOWN)))
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_for_text(page, ".value-logins", f"{50 * SHOWN:,}")
        count_drawings(page, "logins-chart")
        begin = time.monotonic()
        for number in range(SHOWN, SHOWN + FAST):
            stage.write(many(number))
        stage.write(insight(SHOWN + FAST, [login(1)]))
        wait_for_text(page, ".value-logins", f"{50 * SHOWN - 49:,}")
        refreshes = (time.monotonic() - begin) / REFRESH_SECONDS
        drawings = page.evaluate("drawings")
    assert 0 < drawings <= refreshes + 2  # one may be under way at either end


def count_drawings(page: BrowserPage, chart: str) -> None:
    """Have the page count from now on how often a chart gets something to draw."""
    page.evaluate(
        """name => {
            window.drawings = 0;
            const id = Number(document.querySelector(`.${name}`).id.slice(1));
            const chart = getElement(id).chart;
            const draw = chart.setOption.bind(chart);
            chart.setOption = (...options) => { window.drawings++; draw(...options); };
        }""",
        chart,
    )
