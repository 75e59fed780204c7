"""Text from the stream stays text, wherever the page shows it."""

import pytest
from playwright.sync_api import Page as BrowserPage

from tests.browser.stage import Stage, insight, login, ranking, series, wait_for_text
from tests.support.waiting import wait_until

HOSTILE = (
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "</script><svg onload='window.hit = 1'>",
    "${window.hit = 1}`{{ window.hit = 1 }}",
)
# NiceGUI runs what stands under a key of chart options that begins with a colon.
CODE = ":(window.hit = 1)"


@pytest.mark.parametrize("value", [*HOSTILE, CODE])
def test_markup_stays_text(stage: Stage, port: int, page: BrowserPage, value: str) -> None:
    """As locale, version, device, category, flag and reason it is shown as it is and never runs."""
    stage.make_topics()
    fields = {"locale": value, "app_version": value, "device_type": value}
    hostile = login(1, **fields, version_category=value, quality=[value])
    stage.write(*(insight(number, [hostile] * 3) for number in range(3)))
    stage.write_dead_letters(value, 1)
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_for_text(page, ".value-logins", "9")
        for name in ("others", "devices", "categories", "quality"):
            assert ranking(page, name) == {value: "9"}
        assert ranking(page, "dead") == {value: "1"}
        _see_tooltips(page)
        page.reload()
        wait_for_text(page, ".value-logins", "9")
    [version] = series(page, "versions-chart")
    assert version[:17] == value[:17]
    assert page.evaluate("window.hit") is None
    assert page.locator("main script, main img, main svg").count() == 0


def _see_tooltips(page: BrowserPage) -> None:
    """Let both charts draw their tooltips, which name the hostile version."""
    for chart in ("logins-chart", "versions-chart"):
        page.locator(f".{chart}").scroll_into_view_if_needed()
        before = page.locator(f".{chart} canvas").screenshot()
        page.locator(f".{chart}").hover()
        wait_until(
            lambda chart=chart, before=before: (  # type: ignore[misc]
                page.locator(f".{chart} canvas").screenshot() != before
            ),
            "a tooltip is drawn",
        )
        page.mouse.move(0, 0)
