"""What the page says about itself: live, still reading, without windows, or without a broker."""

from dataclasses import dataclass
from typing import Literal

from dashboard.live import Look
from dashboard.words import age, clock, percent
from settings import Settings

__all__ = ["Status", "is_late", "status"]

LATE_AFTER_WINDOWS = 2  # a window is written when the next one is a little old


@dataclass(frozen=True, slots=True)
class Status:
    """The page's state.

    Attributes:
        kind: for the colour.
        word: for the head of the page.
        title: of the banner; empty where none is needed.
        text: of the banner: what is the matter and what happens next.
    """

    kind: Literal["live", "reading", "away"]
    word: str
    title: str = ""
    text: str = ""


def status(look: Look, settings: Settings) -> Status:
    """Say how the reading goes, the most important thing first."""
    reading = look.reading
    if reading.away_since is not None:
        return _away(look, settings, reading.away_since)
    if reading.failed_since is not None:
        return _failed(look, reading.failed_since)
    if reading.read < 1:
        return Status("reading", f"Reading {percent(reading.read)}")
    if not look.overview.windows:
        return _empty(look, settings)
    return Status("live", "Live")


def is_late(look: Look, settings: Settings) -> bool:
    """Tell whether the newest window is older than it would be if logins came in now."""
    windows = look.overview.windows
    if not windows:
        return False
    newest = windows[-1]
    length = newest.end - newest.start
    return look.now - newest.end > LATE_AFTER_WINDOWS * length + settings.allowed_lateness_seconds


def _away(look: Look, settings: Settings, since: float) -> Status:
    kept = "What was read stays on show. " if look.overview.windows else ""
    return Status(
        "away",
        "Kafka is away",
        f"No broker answers at {settings.kafka_bootstrap_servers} "
        f"since {clock(since, look.now)} UTC ({age(look.now - since)})",
        f"{kept}This page goes on by itself as soon as Kafka is back.",
    )


def _failed(look: Look, since: float) -> Status:
    return Status(
        "away",
        "Not live",
        f"Reading the topics failed {clock(since, look.now)} UTC ({age(look.now - since)} ago)",
        "Everything is read again within a minute. The dashboard's log names the error.",
    )


def _empty(look: Look, settings: Settings) -> Status:
    missing = look.reading.missing
    if settings.insights_topic in missing:
        text = (
            f"There is no topic {settings.insights_topic}: the flow makes it when it starts. "
            "This page waits for it."
        )
    else:
        wait = settings.window_seconds + settings.allowed_lateness_seconds
        text = (
            f"A window shows up here once it has closed: at most about {wait} s after its first "
            "login (its length, and the time that late logins get). Until then the rate above "
            "tells whether logins come in at all."
        )
    return Status("live", "Live", "No windows yet", text)
