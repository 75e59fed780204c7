"""A headless Chromium, a page of its own for each test, and topics to show there."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Page as BrowserPage

from dashboard.chromium import find_chromium, launch
from tests.browser.stage import Stage
from tests.support.flow import Flow

INSTALL_SECONDS = 240


def _install_chromium() -> str | None:
    """Install Debian's Chromium where that is allowed, and return where it is."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        subprocess.run(
            ["apt-get", "-q", *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            check=False,
            capture_output=True,
            timeout=INSTALL_SECONDS,
        )
    return find_chromium()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; without one the tests are skipped, but never in CI."""
    path = find_chromium() or _install_chromium()
    if path is None:
        reason = "no Chromium: install your system's package (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


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
