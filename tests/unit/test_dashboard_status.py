"""What the page says about itself, and its numbers in words."""

import dataclasses

import msgspec
import pytest

from dashboard import words
from dashboard.live import Live, Reading, View
from dashboard.model import ProgressLog, Topics
from dashboard.status import is_late, status
from settings import Settings
from tests.browser.stage import START, insight, login

SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]


def view(reading: Reading, windows: int = 0) -> View:
    """Return a view of some windows."""
    topics = Topics(ProgressLog("in"))
    for number in range(windows):
        made = insight(number, [login(1)])
        topics.apply_insight(made.window_start.encode(), encode(made))
    live = Live(topics)
    live.reading = reading
    return live.view(10)


def encode(made: object) -> bytes:
    """Return a record's value."""
    return msgspec.json.encode(made)


def at(moment: float, found: View) -> View:
    """Return a view as if taken at another time."""
    return dataclasses.replace(found, now=moment)


def test_a_broker_that_is_away_comes_first() -> None:
    """It is shown even while topics are being read, with its address and what happens next."""
    said = status(view(Reading(away_since=1.0, read=0.5), windows=1), SETTINGS)
    assert said.kind == "away"
    assert SETTINGS.kafka_bootstrap_servers in said.title
    assert "continues by itself" in said.text
    assert "stays visible" in said.text


def test_a_reader_that_failed_is_not_live() -> None:
    """Neither a share nor old numbers hide it, until all was read again."""
    said = status(view(Reading(failed_since=1.0, read=0.5), windows=1), SETTINGS)
    assert (said.kind, said.word) == ("away", "Not live")
    assert "read again within a minute" in said.text


def test_reading_is_told_until_all_was_read() -> None:
    """Numbers that are still growing are not the truth yet."""
    assert status(view(Reading(read=0.25), windows=1), SETTINGS).word == "Reading 25.0%"


def test_without_windows_it_says_when_one_comes() -> None:
    """Also which topic is missing, if one is."""
    assert "70 s" in status(view(Reading(read=1.0)), SETTINGS).text
    missing = Reading(read=1.0, missing=("login-insights",))
    assert "no topic login-insights" in status(view(missing), SETTINGS).text


def test_with_windows_nothing_needs_to_be_said() -> None:
    """No banner when all is well."""
    said = status(view(Reading(read=1.0), windows=1), SETTINGS)
    assert (said.word, said.title) == ("Live", "")


def test_a_window_is_late_when_a_newer_one_is_due() -> None:
    """Two windows and the lateness after its end, and never while there is none."""
    found = view(Reading(read=1.0), windows=1)
    end = START + 60
    assert not is_late(at(end + 130, found), SETTINGS)
    assert is_late(at(end + 131, found), SETTINGS)
    assert not is_late(view(Reading(read=1.0)), SETTINGS)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (119.9, "119 s"), (120, "2 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_ages_have_one_unit(seconds: float, said: str) -> None:
    """A clock that is behind gives no negative age."""
    assert words.age(seconds) == said


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (3.26, "3.3"), (12_345.6, "12,346")])
def test_rates_are_as_exact_as_they_can_be_read(value: float, said: str) -> None:
    """A decimal for slow ones only."""
    assert words.rate(value) == said


@pytest.mark.parametrize(("share", "said"), [(0, "0.0%"), (0.0001, "<0.1%"), (1, "100.0%")])
def test_small_shares_are_not_zero(share: float, said: str) -> None:
    """What is there is not shown as nothing."""
    assert words.percent(share) == said


def test_times_have_a_date_unless_it_is_today() -> None:
    """A backfill shows windows of other days."""
    assert words.clock(START, START + 60) == "09:47:00"
    assert words.clock(START, START + 86_400) == "2024-07-03 09:47:00"
    assert words.span(START, START + 86_400) == "2024-07-03 09:47 to 2024-07-04 09:47"
