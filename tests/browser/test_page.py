"""What people see on the live page, in a real browser and from a real Kafka."""

from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page as BrowserPage

from models import Insight
from operators.stats import UserSketch
from tests.browser.stage import START, Stage, insight, login, ranking, series, text, wait_for_text
from tests.support.waiting import wait_until

WINDOWS = 3


@pytest.fixture
def address(stage: Stage, port: int) -> Iterator[str]:
    """The page of topics that are there, and empty."""
    stage.make_topics()
    with stage.dashboard(port) as served:
        yield served


def varied(number: int) -> Insight:
    """Return a window with some of everything; its users are partly those of the one before."""
    logins = [login(number * 10 + place) for place in range(30)]
    logins += [login(900, device_type="android", locale="SE", app_version="1.9.0")] * 4
    logins += [login(901, locale="Atlantis", quality=["missing_ip"], version_category="legacy")] * 2
    return insight(number, logins)


def test_the_numbers_on_the_page_equal_the_topics(
    stage: Stage, address: str, page: BrowserPage
) -> None:
    """Totals, users, places, devices, categories, flags, dead letters and lag are the records'."""
    windows = [varied(number) for number in range(WINDOWS)]
    stage.write(*windows)
    stage.write_dead_letters("not_json", 3)
    stage.write_dead_letters("invalid_ip", 1)
    for partition, processed in ((0, 15), (1, 10)):
        stage.write_input(partition, 20)
        stage.write_progress(partition, processed, start=5)
    page.goto(address)
    wait_for_text(page, ".value-logins", "108")
    wait_for_text(page, ".value-lag", "15")
    users = UserSketch()
    for window in windows:
        users.merge(UserSketch.from_bytes(window.users_sketch))
    assert text(page, ".value-users") == str(users.estimate()) == "52"
    assert "15 records processed in total" in text(page, ".figure-logins")
    assert ranking(page, "devices") == {"iOS": "96", "android": "12"}
    assert ranking(page, "categories") == {"current": "102", "legacy": "6"}
    assert ranking(page, "countries") == {"Sweden": "12"}
    assert ranking(page, "others") == {"Atlantis": "6"}
    assert ranking(page, "quality") == {"missing_ip": "6"}
    assert ranking(page, "dead") == {"not_json": "3", "invalid_ip": "1"}
    assert page.locator(".state-NY").get_attribute("title") == "NY: 90 logins"
    assert page.locator(".state-CA").get_attribute("title") == "CA: 0 logins"
    assert "3 windows, 2024-07-03 09:47 to 09:50 UTC" in text(page, ".span")


def test_the_charts_draw_every_window(stage: Stage, address: str, page: BrowserPage) -> None:
    """Logins, users and the share of each version are shown at the start of their window."""
    stage.write(*(varied(number) for number in range(WINDOWS)))
    page.goto(address)
    wait_for_text(page, ".value-logins", "108")
    starts = [(START + 60 * number) * 1_000 for number in range(WINDOWS)]
    assert series(page, "logins-chart") == {
        "Logins": [[start, 36] for start in starts],
        "Unique users": [[start, 32] for start in starts],
    }
    assert series(page, "versions-chart") == {
        "2.3.0": [[start, 88.89] for start in starts],
        "1.9.0": [[start, 11.11] for start in starts],
    }


def test_a_new_window_appears_by_itself(stage: Stage, address: str, page: BrowserPage) -> None:
    """Without a reload; a changed one is replaced."""
    page.goto(address)
    for number in range(5):
        stage.write(insight(number, [login(1)]))
        wait_for_text(page, ".value-logins", str(number + 1))
    stage.write(insight(4, [login(1), login(2)]))
    wait_for_text(page, ".value-logins", "6")


def test_the_rate_and_the_lag_are_live(stage: Stage, address: str, page: BrowserPage) -> None:
    """Progress alone, without any window, moves them."""
    stage.write_input(0, 500)
    stage.write_progress(0, 1)
    page.goto(address)
    wait_for_text(page, ".value-lag", "499")
    stage.write_progress(0, 500)
    wait_for_text(page, ".value-lag", "0")
    wait_until(lambda: float(text(page, ".value-rate")) > 0, "a rate")
    wait_until(lambda: float(text(page, ".value-rate")) == 0, "no rate when nothing more comes")


def test_an_empty_topic_says_what_to_wait_for(address: str, page: BrowserPage) -> None:
    """Before the first window the page says when one will come."""
    page.goto(address)
    wait_for_text(page, ".banner-title", "No windows yet")
    assert "about 70 s after its first login" in text(page, ".banner-text")
    assert not page.locator(".windows").is_visible()


def test_it_waits_for_topics_that_are_not_there_yet(
    stage: Stage, port: int, page: BrowserPage
) -> None:
    """The page may be opened before the flow was ever started."""
    with stage.dashboard(port) as address:
        page.goto(address)
        wait_for_text(page, ".banner-title", "No windows yet")
        assert f"no topic {stage.flow.insights_topic}" in text(page, ".banner-text")
        stage.make_topics()
        stage.write(insight(0, [login(1)]))
        wait_for_text(page, ".value-logins", "1")
        wait_until(lambda: not page.locator(".banner").is_visible(), "no banner any more")


def test_topics_that_are_made_again_are_read_again(
    stage: Stage, address: str, page: BrowserPage
) -> None:
    """Nothing stays on show that is no longer on the topics."""
    stage.write(*(insight(number, [login(number)]) for number in range(WINDOWS)))
    page.goto(address)
    wait_for_text(page, ".value-logins", "3")
    stage.topics.delete(stage.flow.insights_topic)
    stage.topics.make(stage.flow.insights_topic, 1)
    stage.write(insight(7, [login(1)]))
    wait_for_text(page, ".value-logins", "1")


def test_it_follows_the_systems_light_and_dark(
    stage: Stage, address: str, page: BrowserPage
) -> None:
    """Cards and charts change with the system, without a reload."""
    stage.write(varied(0))
    page.goto(address)
    wait_for_text(page, ".value-logins", "36")
    light = _colours(page)
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: all(_differ(light, _colours(page))), "other colours of cards and charts")
    page.emulate_media(color_scheme="light")
    wait_until(lambda: _colours(page) == light, "the light colours")


def test_how_many_windows_are_shown_can_be_chosen(
    stage: Stage, address: str, page: BrowserPage
) -> None:
    """The newest 60 windows have totals of their own."""
    stage.write(*(insight(number, [login(1)]) for number in range(100)))
    page.goto(address)
    wait_for_text(page, ".value-logins", "100")
    page.get_by_role("button", name="60", exact=True).click()
    wait_for_text(page, ".value-logins", "60")
    assert text(page, ".value-users") == "1"


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_needs_no_sideways_scrolling(
    stage: Stage, address: str, page: BrowserPage, width: int
) -> None:
    """Nothing is wider than a phone, even the longest values that the contract allows."""
    longest = "W" * 64
    stage.write(
        varied(0), insight(1, [login(1, locale=longest, app_version=longest, quality=[longest])])
    )
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(address)
    wait_for_text(page, ".value-logins", "37")
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_no_request_goes_to_another_host(stage: Stage, address: str, page: BrowserPage) -> None:
    """The page works offline: all that it loads, it loads from the address it was opened at."""
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.on("websocket", lambda socket: urls.append(socket.url.replace("ws:", "http:")))
    stage.write(varied(0))
    page.goto(address)
    wait_for_text(page, ".value-logins", "36")
    page.locator(".logins-chart").hover()
    page.wait_for_load_state("networkidle")
    assert len(urls) > 10, "the page, its scripts, its fonts"
    assert any("socket.io" in url for url in urls)
    assert [url for url in urls if not url.startswith((f"{address}/", "data:", "blob:"))] == []


def test_the_page_is_for_this_machine_only(address: str) -> None:
    """Unless told otherwise it listens on the loopback interface."""
    port = int(address.rpartition(":")[2])
    connections: list[Any] = psutil.net_connections("tcp")
    listening = [
        connection.laddr.ip
        for connection in connections
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]


def _colours(page: BrowserPage) -> tuple[str, str]:
    """Return a card's colour, and that of the first line of the chart."""
    card = page.locator(".card").first.evaluate("card => getComputedStyle(card).backgroundColor")
    line = page.evaluate(
        "getElement(Number(document.querySelector('.logins-chart').id.slice(1)))"
        ".chart.getOption().series[0].color"
    )
    return str(card), str(line)


def _differ(one: tuple[str, ...], other: tuple[str, ...]) -> Iterator[bool]:
    differ: Callable[[str, str], bool] = str.__ne__
    return map(differ, one, other)
