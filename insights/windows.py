"""Windows of insights as they are on their topic: the newest ones, in bounded memory."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from models import Insight
from operators.stats import BoundedCounts, UserSketch

__all__ = [
    "KEYS_KEPT",
    "WINDOWS_KEPT",
    "UnreadableRecordError",
    "Window",
    "Windows",
    "window_start",
]

WINDOWS_KEPT = 1_000
KEYS_KEPT = 300  # of each map of a window: more than there are countries and states
NUMBERS_BELOW = 2**53  # what a browser can show exactly


class UnreadableRecordError(Exception):
    """A record of the insights topic that is not an insight; its text says why."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is known of the logins of one window.

    Attributes:
        start: its first second since the epoch.
        end: the second behind it.
        logins: how many.
        unique_users: about how many users.
        users: which users, to count them over several windows.
        device_types: logins by value, like the next three.
        app_versions: as they came.
        version_categories: `legacy`, `stable`, `current`, `unknown`.
        locales: as they came.
        quality: logins by flag.
        final: whether the window had closed when this was written.
    """

    start: int
    end: int
    logins: int
    unique_users: int
    users: UserSketch
    device_types: Mapping[str, int]
    app_versions: Mapping[str, int]
    version_categories: Mapping[str, int]
    locales: Mapping[str, int]
    quality: Mapping[str, int]
    final: bool


class Windows:
    """The newest windows, each as its last record says.

    A topic with more windows than are kept is read in one pass: records of windows that are too
    old are recognised by their key and not even decoded.

    Args:
        limit: how many windows are kept.
    """

    def __init__(self, limit: int = WINDOWS_KEPT) -> None:
        self._limit = limit
        self._starts: list[int] = []  # ascending
        self._windows: dict[int, Window] = {}

    def __len__(self) -> int:
        return len(self._starts)

    def newest(self, count: int = WINDOWS_KEPT) -> list[Window]:
        """Return at most `count` windows, the newest last."""
        return [self._windows[start] for start in self._starts[-count:]]

    def apply(self, key: bytes | None, value: bytes | None) -> Window | None:
        """Take in a record, and return its window if that is among those kept.

        Args:
            key: the window's start, as in the topic's contract.
            value: the insight, or None for a window that was deleted.

        Raises:
            UnreadableRecordError: the record is not an insight.
        """
        start = window_start(key)
        if value is None:
            self._drop(start)
            return None
        if len(self._starts) >= self._limit and start < self._starts[0]:
            return None
        window = _window(start, value)
        self._keep(window)
        return window

    def _keep(self, window: Window) -> None:
        if window.start not in self._windows:
            insort(self._starts, window.start)
        self._windows[window.start] = window
        if len(self._starts) > self._limit:
            del self._windows[self._starts.pop(0)]

    def _drop(self, start: int) -> None:
        if self._windows.pop(start, None):
            del self._starts[bisect_left(self._starts, start)]


def window_start(key: bytes | None) -> int:
    """Return the second since the epoch that a record's key tells."""
    return _seconds((key or b"").decode(errors="replace"))


def _seconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableRecordError(f"{text[:40]!r} is not a time") from None
    if moment.tzinfo is None:
        raise UnreadableRecordError(f"{text!r} has no time zone")
    return int(moment.timestamp())


def _window(start: int, value: bytes) -> Window:
    try:
        insight = msgspec.json.decode(value, type=Insight)
        users = UserSketch.from_bytes(insight.users_sketch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableRecordError(str(error)) from None
    except (ValueError, RuntimeError, IndexError) as error:  # what datasketches raises
        raise UnreadableRecordError(f"users_sketch is no HLL sketch: {error}") from None
    end = _seconds(insight.window_end)
    if end <= start or not 0 <= insight.logins < NUMBERS_BELOW:
        raise UnreadableRecordError("a window that ends before it starts, or impossible counts")
    return Window(
        start=start,
        end=end,
        logins=insight.logins,
        unique_users=insight.unique_users,
        users=users,
        device_types=_bounded(insight.device_types),
        app_versions=_bounded(insight.app_versions),
        version_categories=_bounded(insight.version_categories),
        locales=_bounded(insight.locales),
        quality=_bounded(insight.quality),
        final=insight.final,
    )


def _bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """Cut a map by the contract's own rule, which keeps sums over windows exact."""
    bounded = BoundedCounts(KEYS_KEPT)
    bounded.restore(counts)
    return bounded.counts()
