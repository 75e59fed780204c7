"""A headless Chromium, a page of its own for each test, and topics to show there."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Page as BrowserPage

from tests.browser.chromium import find_chromium, launch
from tests.browser.stage import Stage
from tests.support.debian import find_or_install
from tests.support.flow import Flow
from tests.support.waiting import DEADLINE_SECONDS


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; without one the tests are skipped, but never in CI."""
    return find_or_install(find_chromium, "chromium")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """A running browser that all tests share."""
    with sync_playwright() as playwright:
        running = launch(playwright, chromium)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[BrowserPage]:
    """An empty page; an error in its scripts fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(DEADLINE_SECONDS * 1_000)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def stage(flow: Flow) -> Stage:
    """Topics whose names nothing else uses; not made yet."""
    return Stage(flow)


@pytest.fixture
def port(free_ports: list[int]) -> int:
    """A port for the page."""
    return free_ports[0]
