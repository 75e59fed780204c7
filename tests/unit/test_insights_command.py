"""Windows as the insights command prints them."""

import msgspec

from insights.text import as_json, as_table
from insights.windows import Window, Windows
from models import ProcessedLogin
from tests.browser.stage import insight, login


def window_of(*logins: ProcessedLogin, final: bool = True) -> Window:
    """Return a window with these logins."""
    made = insight(0, logins, final=final)
    window = Windows().apply(made.window_start.encode(), msgspec.json.encode(made))
    assert window is not None
    return window


def test_a_row_names_the_most_frequent_values() -> None:
    """With their share of the window's logins."""
    window = window_of(login(1), login(2), login(3, device_type="android", locale="CA"))
    _, _, row = as_table([window], head=True).splitlines()
    assert row.split() == [
        *("2024-07-03", "09:47:00", "3", "3"),
        *("iOS", "67%,", "android", "33%", "2.3.0", "100%", "NY", "67%,", "CA", "33%"),
    ]


def test_rows_that_follow_stand_below_the_first_ones() -> None:
    """A followed table has no second head, and its columns don't move."""
    few, many = window_of(login(1)), window_of(*[login(number) for number in range(5_000)])
    first = as_table([few], head=True).splitlines()[-1]
    later = as_table([many], head=False)
    assert later.count("\n") == 1
    assert first.index("iOS") == later.index("iOS")
    assert first.index("2.3.0") == later.index("2.3.0")


def test_a_window_that_is_not_final_is_marked() -> None:
    """More logins may come to it."""
    assert "09:47:00*" in as_table([window_of(login(1), final=False)], head=False)


def test_values_can_not_drive_the_terminal() -> None:
    """Control characters are shown as their escapes, long values are cut, markup is not markup."""
    values = {"locale": "\x1b[2J", "app_version": "[red]v[/red]", "device_type": "W" * 64}
    table = as_table([window_of(login(1, **values))], head=False)
    assert "\x1b" not in table
    assert r"\x1b[2J" in table
    assert "[red]v[/red]" in table
    assert "W" * 14 not in table


def test_json_is_the_record_without_its_sketch() -> None:
    """One line, for other programs."""
    made = insight(0, [login(1, locale="line\nbreak")])
    window = Windows().apply(made.window_start.encode(), msgspec.json.encode(made))
    assert window is not None
    line = as_json(window)
    assert "\n" not in line
    expected = msgspec.json.decode(msgspec.json.encode(made))
    del expected["users_sketch"]
    assert msgspec.json.decode(line) == expected
