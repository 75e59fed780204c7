"""Text from the stream stays text, wherever the page shows it."""

from typing import Any

import pytest
from playwright.sync_api import Page as BrowserPage

from tests.browser.stage import Stage, insight, login, ranking, series, wait_for_text
from tests.support.waiting import wait_until

HOSTILE = (
    "<script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "</script><svg onload='window.hit = 1'>",
    "${window.hit = 1}`{{ window.hit = 1 }}",
    # NiceGUI runs what stands under a key of chart options that begins with a colon.
    ":(window.hit = 1)",
)


# A ranking has room for four.
@pytest.mark.parametrize("values", [HOSTILE[:3], HOSTILE[3:]], ids=["markup", "code"])
def test_hostile_text_stays_text(
    stage: Stage, port: int, page: BrowserPage, values: tuple[str, ...]
) -> None:
    """As locale, version, device, category, flag and reason it is shown as it is and never runs."""
    stage.make_topics()
    logins = [login(1, **_everywhere(value)) for value in values] * 3
    stage.write(*(insight(number, logins) for number in range(3)))
    for value in values:
        stage.write_dead_letters(value, 1)
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_for_text(page, ".value-logins", str(9 * len(values)))
        for name in ("others", "devices", "categories", "quality"):
            assert ranking(page, name) == dict.fromkeys(values, "9")
        assert ranking(page, "dead") == dict.fromkeys(values, "1")
        _see_tooltips(page)
        page.reload()
        wait_for_text(page, ".value-logins", str(9 * len(values)))
    versions = {version[:17] for version in series(page, "versions-chart")}
    assert versions == {value[:17] for value in values}
    assert page.evaluate("window.hit") is None
    assert page.locator("main script, main img, main svg").count() == 0


def _everywhere(value: str) -> dict[str, Any]:
    """Return the fields of a login that the page shows, all with this value."""
    fields = ("locale", "app_version", "device_type", "version_category")
    return {**dict.fromkeys(fields, value), "quality": [value]}


def _see_tooltips(page: BrowserPage) -> None:
    """Let both charts draw their tooltips, which name the hostile versions."""
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
