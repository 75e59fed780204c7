"""The page's numbers: windows added up, ranked, and sorted by place."""

import msgspec

from dashboard.overview import add_up, ranked
from dashboard.places import STATE_TILES, country_names, sort_places
from insights.windows import Window, Windows
from models import ProcessedLogin
from tests.browser.stage import insight, login


def windows_of(*logins: list[ProcessedLogin]) -> list[Window]:
    """Return windows with these logins."""
    windows = Windows()
    for number, found in enumerate(logins):
        made = insight(number, found, final=number > 0)
        windows.apply(made.window_start.encode(), msgspec.json.encode(made))
    return windows.newest()


def test_windows_add_up() -> None:
    """Logins and maps are sums."""
    overview = add_up(
        windows_of(
            [login(1, locale="NY"), login(2, locale="SE")],
            [login(3, locale="NY", quality=["missing_ip"])],
        )
    )
    assert overview.logins == 3
    assert overview.places.states == {"NY": 2}
    assert overview.places.countries == {"Sweden": 1}
    assert overview.quality == {"missing_ip": 1}
    assert overview.open == 1


def test_a_user_of_several_windows_counts_once() -> None:
    """Sketches are merged: adding the windows' own numbers would count people twice."""
    overview = add_up(windows_of([login(1), login(2)], [login(2), login(3)]))
    assert sum(window.unique_users for window in overview.windows) == 4
    assert overview.unique_users == 3


def test_nothing_adds_up_to_nothing() -> None:
    """The page is built before the first window is there."""
    overview = add_up([])
    assert (overview.logins, overview.unique_users) == (0, 0)


def test_a_ranking_names_the_greatest_and_sums_the_rest() -> None:
    """Nothing is lost: the last row stands for all the others."""
    rows = ranked({"a": 1, "b": 5, "c": 3, "d": 1}, 10, 3, "{} more")
    assert [(row.name, row.count, row.share) for row in rows] == [
        ("b", 5, 0.5),
        ("c", 3, 0.3),
        ("2 more", 2, 0.2),
    ]
    assert [row.rest for row in rows] == [False, False, True]


def test_a_ranking_that_fits_has_no_rest() -> None:
    """A row of one's own is better than `1 more`."""
    assert [row.name for row in ranked({"a": 1, "b": 2}, 3, 2, "{} more")] == ["b", "a"]


def test_a_ranking_of_nothing_is_empty() -> None:
    """Shares of no logins at all are no division by zero."""
    assert ranked({}, 0, 3, "{} more") == []
    assert ranked({"a": 0}, 0, 3, "{} more")[0].share == 0


def test_every_state_has_a_tile_of_its_own() -> None:
    """Fifty and the District of Columbia."""
    assert len(STATE_TILES) == len(set(STATE_TILES.values())) == 51


def test_a_code_of_both_counts_as_a_state() -> None:
    """CA is California, not Canada, as the page says; each login counts in one place only."""
    places = sort_places({"CA": 2, "CH": 3, "unknown": 1, "ny": 4})
    assert places.states == {"CA": 2}
    assert places.countries == {"Switzerland": 3}
    assert places.others == {"unknown": 1, "ny": 4}


def test_countries_are_known_by_name() -> None:
    """All of ISO 3166."""
    assert len(country_names()) == 249
    assert country_names()["AT"] == "Austria"
