"""The charts' options: what is drawn where, and that no text of the stream can be run."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from dashboard.charts import VERSIONS_SHOWN, adoption, grouped, logins, pace, shown_versions
from dashboard.overview import Overview, add_up
from dashboard.palette import DARK, LIGHT
from insights.windows import Window, Windows
from models import ProcessedLogin
from tests.browser.stage import START, insight, login


def overview_of(logins_by_number: dict[int, list[ProcessedLogin]]) -> Overview:
    """Return windows of these numbers added up."""
    windows = Windows()
    for number, found in logins_by_number.items():
        made = insight(number, found)
        windows.apply(made.window_start.encode(), msgspec.json.encode(made))
    return add_up(windows.newest())


def at(number: int) -> int:
    """Return a window's position on the axis."""
    return (START + 60 * number) * 1_000


def test_missing_windows_are_drawn_as_none() -> None:
    """A window without logins isn't written; a line across it would show some."""
    options = logins(overview_of({0: [login(1)], 5: [login(1)]}), LIGHT)
    points = options["series"][0]["data"]
    assert points == [(at(0), 1.0), (at(1), 0.0), (at(5) - 1_000, 0.0), (at(5), 1.0)]


def test_shares_of_a_window_make_up_the_whole() -> None:
    """Versions without a colour of their own are drawn as the rest."""
    found = [login(n, app_version=f"1.{n}.0") for n in range(VERSIONS_SHOWN + 3)]
    options = adoption(overview_of({0: found}), LIGHT)
    shares = [line["data"][0][1] for line in options["series"]]
    assert len(shares) == VERSIONS_SHOWN + 1
    assert sum(shares) == pytest.approx(100, abs=0.1)


def test_versions_are_ordered_as_versions() -> None:
    """2.10 came after 2.9; what is not a version comes last."""
    assert shown_versions({"2.9": 1, "dev": 9, "2.10": 1, "1.0": 5}) == [
        "2.10",
        "2.9",
        "1.0",
        "dev",
    ]


def test_many_windows_are_drawn_in_groups_of_fixed_times() -> None:
    """A group begins at the same time whatever came before it, so that the picture is calm."""
    windows = list(overview_of({number: [login(1)] for number in range(20)}).windows)
    groups = grouped(windows, 4)
    later = grouped(windows[3:], 4)
    assert sum(len(group) for group in groups) == len(windows)
    assert later[-3:] == groups[-3:]
    assert all(starts_together(group) for group in groups)


def starts_together(group: Sequence[Window]) -> bool:
    """Tell whether all windows of a group are in the same four minutes."""
    return len({window.start // 240 for window in group}) == 1


def test_series_are_told_apart_by_place_not_by_name() -> None:
    """Merged by name, a chart would keep the order of versions that are long gone."""
    options = adoption(overview_of({0: [login(1), login(2, app_version="1.0")]}), LIGHT)
    assert [line["id"] for line in options["series"]] == ["0", "1"]


def test_text_of_the_stream_is_never_a_key() -> None:
    """NiceGUI runs what stands under a key with a colon; so a value must never become a key."""
    value = ":hostile"
    overview = overview_of({0: [login(1, app_version=value, locale=value, device_type=value)]})
    for options in (logins(overview, DARK), adoption(overview, DARK)):
        assert value not in keys(options)
        assert options["tooltip"]["renderMode"] == "richText"
        assert not {key for key in keys(options) if key.startswith(":")} - {
            ":formatter",
            ":valueFormatter",
        }


def keys(options: Any) -> set[str]:
    """Return all keys at any depth."""
    if isinstance(options, dict):
        return set(options).union(*map(keys, options.values()))
    if isinstance(options, list | tuple):
        return set().union(*map(keys, options))
    return set()


def test_nothing_can_be_drawn() -> None:
    """Before the first window the charts are empty, not broken."""
    assert adoption(add_up([]), LIGHT)["series"] == []
    assert logins(add_up([]), LIGHT)["series"][0]["data"] == []
    assert pace([], LIGHT)["series"][0]["data"] == []
