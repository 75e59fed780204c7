"""A headless Chromium for screenshots and tests: the system's own, nothing is downloaded."""

import shutil

from playwright.sync_api import Browser, Playwright

__all__ = ["find_chromium", "launch"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# It may load our page and nothing else: no updates, no sync, no other host.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def find_chromium() -> str | None:
    """Return the path of the system's Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Start Chromium."""
    return playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
