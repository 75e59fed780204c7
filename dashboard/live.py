"""What reader and page share: the topics' state, and the state of reading."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from dashboard.alerts import AlertRow
from dashboard.model import Topics
from dashboard.overview import Overview, add_up

__all__ = ["ALERTS_SHOWN", "Live", "Reading", "View"]

ALERTS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """The state of reading.

    Attributes:
        away_since: since when no broker has answered, in seconds since the epoch; else None.
        read: the share of the topics that was read, from 0 to 1; 1 once everything was.
        missing: required topics that don't exist.
        alerts: whether the topic of alerts exists.
        failed_since: when reading failed with an unexpected error, in seconds since the epoch; None
            once everything was read again.
    """

    away_since: float | None = None
    read: float = 0.0
    missing: tuple[str, ...] = ()
    alerts: bool = False
    failed_since: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the page shows, at one moment.

    Attributes:
        now: the moment, in seconds since the epoch.
        reading: the state of reading.
        overview: the requested windows, added up.
        revision: changes when the overview does.
        rate: current logins per second.
        history: logins per second over the last minutes.
        processed: input records since the flow's state began.
        lag: input records that aren't processed yet.
        dead_letters: by reason.
        newest_dead_letter: when it was written.
        unreadable: how many records were of an unknown form.
        alerts: the newest ones, the newest first.
    """

    now: float
    reading: Reading
    overview: Overview
    revision: tuple[int, int]
    rate: float
    history: list[tuple[int, float]]
    processed: int
    lag: int
    dead_letters: Mapping[str, int]
    newest_dead_letter: float | None
    unreadable: int
    alerts: tuple[AlertRow, ...]


class Live:
    """State that one thread changes while others view it.

    Args:
        topics: empty at first.
    """

    def __init__(self, topics: Topics) -> None:
        self._lock = threading.Lock()
        self._topics = topics
        self._generation = 0
        self._reading = Reading()
        self._added: dict[int, tuple[tuple[int, int], Overview]] = {}  # by number of windows

    @property
    def reading(self) -> Reading:
        """The state of reading."""
        return self._reading

    @reading.setter
    def reading(self, reading: Reading) -> None:
        self._reading = reading

    @contextmanager
    def changing(self) -> Iterator[Topics]:
        """Block views while the block changes the state."""
        with self._lock:
            yield self._topics

    def start_over(self, topics: Topics) -> None:
        """Start over, empty: the topics that were read are gone."""
        with self._lock:
            self._topics = topics
            self._generation += 1

    def view(self, count: int) -> View:
        """Return a view with the newest `count` windows and everything else."""
        now = time.time()
        with self._lock:
            topics = self._topics
            revision = (self._generation, topics.revision)
            return View(
                now=now,
                reading=self._reading,
                overview=self._overview(count, revision),
                revision=revision,
                rate=topics.progress.rate(now),
                history=topics.progress.history(now),
                processed=topics.progress.processed(),
                lag=topics.progress.lag(topics.ranges),
                dead_letters=topics.dead_letters.by_reason(),
                newest_dead_letter=topics.dead_letters.newest,
                unreadable=topics.unreadable,
                alerts=topics.alerts.newest(ALERTS_SHOWN),
            )

    def _overview(self, count: int, revision: tuple[int, int]) -> Overview:
        """Add windows up once for all pages, and again only when they changed."""
        known = self._added.get(count)
        if known is None or known[0] != revision:
            known = (revision, add_up(self._topics.windows.newest(count)))
            self._added[count] = known
        return known[1]
