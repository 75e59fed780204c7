"""The newest windows, as live page and command keep them."""

import msgspec
import pytest

from insights.windows import KEYS_KEPT, UnreadableRecordError, Windows
from models import Insight
from tests.browser.stage import START, insight, login


def record(found: Insight) -> tuple[bytes, bytes]:
    """Return a window's key and value."""
    return found.window_start.encode(), msgspec.json.encode(found)


def numbers(windows: Windows, count: int = 100) -> list[int]:
    """Return which windows are kept."""
    return [(window.start - START) // 60 for window in windows.newest(count)]


def test_the_newest_windows_are_kept_in_order() -> None:
    """Whatever the order in which they come, as after a backfill."""
    windows = Windows(limit=3)
    for number in (5, 1, 9, 2, 7, 0):
        windows.apply(*record(insight(number, [login(1)])))
    assert numbers(windows) == [5, 7, 9]
    assert numbers(windows, 2) == [7, 9]


def test_the_last_record_of_a_window_counts() -> None:
    """Insights are upserts: a window written again replaces itself."""
    windows = Windows()
    windows.apply(*record(insight(0, [login(1)], final=False)))
    windows.apply(*record(insight(0, [login(1), login(2)])))
    [window] = windows.newest()
    assert (window.logins, window.final) == (2, True)


def test_a_deleted_window_is_gone() -> None:
    """A record without value is a tombstone; one for an unknown window is nothing."""
    windows = Windows()
    for number in range(3):
        windows.apply(*record(insight(number, [login(1)])))
    windows.apply(insight(1, []).window_start.encode(), None)
    windows.apply(insight(8, []).window_start.encode(), None)
    assert numbers(windows) == [0, 2]


def test_a_window_too_old_is_not_even_decoded() -> None:
    """A topic of years is read in one pass: the key is enough to leave a record out."""
    windows = Windows(limit=1)
    windows.apply(*record(insight(5, [login(1)])))
    assert windows.apply(insight(4, []).window_start.encode(), b"not decoded") is None


def test_maps_are_bounded_and_their_totals_kept() -> None:
    """A window may bring a thousand values a map; a thousand windows of those would be too much."""
    many = [login(number, locale=f"place {number}") for number in range(3 * KEYS_KEPT)]
    window = Windows().apply(*record(insight(0, many)))
    assert window is not None
    assert len(window.locales) == KEYS_KEPT + 1
    assert sum(window.locales.values()) == len(many)


@pytest.mark.parametrize("key", [None, b"", b"yesterday", b"\xff", b"2024-07-03T09:47:00"])
def test_a_key_that_is_no_time_is_refused(key: bytes | None) -> None:
    """The key says which window it is."""
    with pytest.raises(UnreadableRecordError):
        Windows().apply(key, record(insight(0, [login(1)]))[1])


@pytest.mark.parametrize(
    "change",
    [
        {"users_sketch": b"no sketch"},
        {"users_sketch": b""},
        {"window_end": "2024-07-03T09:46:00Z"},
        {"window_end": "later"},
        {"logins": -1},
        {"logins": 2**60},
        {"locales": {"NY": "many"}},
    ],
)
def test_a_value_that_is_no_insight_is_refused(change: dict[str, object]) -> None:
    """Also one that a browser could not show, or that lies about time."""
    key, _ = record(insight(0, [login(1)]))
    fields = {**msgspec.to_builtins(insight(0, [login(1)])), **change}
    with pytest.raises(UnreadableRecordError):
        Windows().apply(key, msgspec.json.encode(fields))


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_value_that_is_no_json_of_ours_is_refused(value: bytes) -> None:
    """Whatever was written to the topic."""
    with pytest.raises(UnreadableRecordError):
        Windows().apply(record(insight(0, []))[0], value)
