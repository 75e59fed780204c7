import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from random import Random

import pytest

from producer.history import HistoryClock, Spray, daily_curve, messages_with_history
from producer.messages import Message
from settings import Settings

NOW = 1_720_622_130.5  # half a minute into a window of the alerts: the one before can't be judged
HOUR = 3_600
RATE = 4.0
SPRAYED_NETWORK = "203.0.113."


def seeded(seed: int = 1) -> Random:
    """A random state of its own."""
    return Random(seed)  # noqa: S311 - test data


def messages(start: float = NOW - HOUR, now: float = NOW, rate: float = RATE) -> Iterator[Message]:
    """Messages of a producer that starts at a time and sends at once."""
    clock = HistoryClock(seeded(), start, rate, lambda: now)
    spray = Spray.in_the_newest_closed_window(Settings(), now)
    return messages_with_history(seeded(), clock, spray, 0.0)


@cache
def history(start: float = NOW - HOUR, now: float = NOW, rate: float = RATE) -> list[Message]:
    """The part of them that is sent with times of the past."""
    return list(takewhile(lambda m: m.timestamp_ms is not None, messages(start, now, rate)))


def times(sent: list[Message]) -> list[int]:
    """The logins' own times."""
    return [int(json.loads(message.value or b"")["timestamp"]) for message in sent]


def sprayed(sent: list[Message]) -> list[dict[str, str]]:
    """The logins from the attacking network."""
    logins = [json.loads(message.value or b"") for message in sent]
    return [login for login in logins if login["ip"].startswith(SPRAYED_NETWORK)]


def test_history_is_in_the_order_of_time_and_ends_now() -> None:
    """No login is earlier than the one before it, so none can be late in any partition."""
    sent = history()
    assert times(sent) == sorted(times(sent))
    assert int(NOW - HOUR) <= times(sent)[0] < NOW - HOUR + 60
    assert NOW - 60 < times(sent)[-1] <= NOW


def test_records_of_the_history_have_the_times_of_their_logins() -> None:
    """Event time is the earlier of the two, so both have to lie in the past."""
    sent = history()
    assert [(message.timestamp_ms or 0) // 1_000 for message in sent] == times(sent)


def test_live_messages_follow_with_the_present_time() -> None:
    """After the history every login is of now, and Kafka gives its record the time of sending."""
    following = messages()
    for message in following:
        if message.timestamp_ms is None:
            break
    live = [message, *(next(following) for _ in range(10))]
    assert {message.timestamp_ms for message in live} == {None}
    assert set(times(live)) == {int(NOW)}


def test_history_is_about_as_dense_as_the_live_logins() -> None:
    """At 4 per second the last minutes have 240 each, and no minute of the hour is empty."""
    by_minute = Counter(int(NOW - time) // 60 for time in times(history()))
    assert set(range(60)) <= by_minute.keys()
    assert by_minute[1] == pytest.approx(60 * RATE, rel=0.3)
    assert min(by_minute[minute] for minute in range(60)) > 20 * RATE


def test_rate_follows_the_time_of_day() -> None:
    """It is highest at 6:00 UTC, lowest at 18:00, and more than three times apart."""
    hours = [daily_curve(hour * HOUR) for hour in range(24)]
    assert max(hours) == hours[6]
    assert min(hours) == hours[18]
    assert max(hours) > 3 * min(hours)


def test_history_after_an_earlier_one_begins_where_that_ended() -> None:
    """A gap of five minutes gets five minutes of logins."""
    sent = history(start=NOW - 300)
    assert times(sent)[0] >= int(NOW - 300)
    assert len(sent) == pytest.approx(300 * RATE, rel=0.1)


@pytest.mark.parametrize("start", [NOW, NOW + 1_000_000])
def test_nothing_is_sent_of_the_past_when_the_topic_is_up_to_date(start: float) -> None:
    """Nor when its newest record has a time in the future."""
    assert history(start=start) == []


def test_key_is_the_user() -> None:
    """So a partition of the output has logins of one partition of the input, in their order."""
    for message in history()[:100]:
        assert message.key == json.loads(message.value or b"")["user_id"].encode()


def test_spray_is_found_and_lies_in_one_window_that_can_be_judged() -> None:
    """More users than the threshold, in a window that ended longer ago than late logins get."""
    settings = Settings()
    attack = sprayed(history())
    windows = {int(login["timestamp"]) // settings.alert_window_seconds for login in attack}
    assert len({login["user_id"] for login in attack}) >= settings.alert_network_users
    [window] = windows
    end = (window + 1) * settings.alert_window_seconds
    assert end + settings.alert_lateness_seconds <= NOW
    assert NOW - end < 2 * settings.alert_window_seconds


def test_spray_is_no_burst_of_logins() -> None:
    """One attack gives one alert."""
    assert len(sprayed(history())) < Settings().alert_burst_logins


@pytest.mark.parametrize("rate", [0.1, 50.0])
def test_spray_is_planted_whatever_the_rate(rate: float) -> None:
    """Its size doesn't depend on how many logins surround it."""
    attack = sprayed(history(start=NOW - 900, rate=rate))
    assert len({login["user_id"] for login in attack}) >= Settings().alert_network_users


def test_no_spray_in_a_short_gap() -> None:
    """A producer that was away for a minute has no room for a whole one, and leaves it out."""
    assert sprayed(history(start=NOW - 60)) == []


def test_no_part_of_a_spray_is_sent_after_a_gap_that_begins_within_it() -> None:
    """Half an attack would be none."""
    begin = Spray.in_the_newest_closed_window(Settings(), NOW).begin
    assert sprayed(history(start=begin + 10)) == []
    assert sprayed(history(start=begin - 10))
