"""The page's own status: live, still reading, without windows, or without a broker."""

from dataclasses import dataclass
from typing import Literal

from dashboard.live import View
from dashboard.words import age, clock, percent
from settings import Settings

__all__ = ["Status", "is_late", "status"]

LATE_AFTER_WINDOWS = 2  # a window is written a little after the next one has begun


@dataclass(frozen=True, slots=True)
class Status:
    """The page's state.

    Attributes:
        kind: for the colour.
        word: for the head of the page.
        title: of the banner; empty where none is needed.
        text: of the banner: what is wrong, and what happens next.
    """

    kind: Literal["live", "reading", "away"]
    word: str
    title: str = ""
    text: str = ""


def status(view: View, settings: Settings) -> Status:
    """Return the page's status; the most serious problem comes first."""
    reading = view.reading
    if reading.away_since is not None:
        return _away(view, settings, reading.away_since)
    if reading.failed_since is not None:
        return _failed(view, reading.failed_since)
    if reading.read < 1:
        return Status("reading", f"Reading {percent(reading.read)}")
    if not view.overview.windows:
        return _empty(view, settings)
    return Status("live", "Live")


def is_late(view: View, settings: Settings) -> bool:
    """Tell whether the newest window is older than it would be if logins came in now."""
    windows = view.overview.windows
    if not windows:
        return False
    newest = windows[-1]
    length = newest.end - newest.start
    return view.now - newest.end > LATE_AFTER_WINDOWS * length + settings.allowed_lateness_seconds


def _away(view: View, settings: Settings, since: float) -> Status:
    kept = "What was read stays visible. " if view.overview.windows else ""
    return Status(
        "away",
        "Kafka is away",
        f"No broker answers at {settings.kafka_bootstrap_servers} "
        f"since {clock(since, view.now)} UTC ({age(view.now - since)})",
        f"{kept}This page continues by itself as soon as Kafka is back.",
    )


def _failed(view: View, since: float) -> Status:
    return Status(
        "away",
        "Not live",
        f"Reading the topics failed {clock(since, view.now)} UTC ({age(view.now - since)} ago)",
        "Everything is read again within a minute. The dashboard's log names the error.",
    )


def _empty(view: View, settings: Settings) -> Status:
    missing = view.reading.missing
    if settings.insights_topic in missing:
        text = (
            f"There is no topic {settings.insights_topic}: the flow creates it when it starts. "
            "This page waits for it."
        )
    else:
        wait = settings.window_seconds + settings.allowed_lateness_seconds
        text = (
            f"A window shows up here once it has closed: at most about {wait} s after its first "
            "login (its length, and the allowed lateness). Until then the rate above "
            "shows whether logins come in at all."
        )
    return Status("live", "Live", "No windows yet", text)
