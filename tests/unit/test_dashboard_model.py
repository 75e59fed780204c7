"""What the live page makes of the topics' records, without Kafka and browser."""

import msgspec
import pytest

from dashboard.model import (
    HISTORY_SECONDS,
    NO_REASON,
    OTHER_REASONS,
    REASONS_KEPT,
    DeadLetters,
    InputRange,
    ProgressLog,
    Topics,
)
from insights.windows import UnreadableRecordError
from models import Progress

NOW = 1_720_000_000.5
SECOND = 1_720_000_000


def record(partition: int, offset: int, start: int = 0, topic: str = "in", id_: str = "a") -> bytes:
    """Return a progress record's value."""
    return msgspec.json.encode(Progress(topic, id_, partition, offset, start))


def log_of(*records: tuple[bytes, int]) -> ProgressLog:
    """Return what progress records say, each written some seconds before now."""
    log = ProgressLog("in")
    for value, seconds_ago in records:
        log.apply(value, (SECOND - seconds_ago) * 1_000)
    return log


def test_the_rate_is_what_was_processed_in_the_last_ten_seconds() -> None:
    """Offsets that moved in them count, on all partitions together; older ones don't."""
    log = log_of(
        (record(0, 100), 30),
        (record(0, 500), 20),  # too long ago
        (record(0, 560), 10),
        (record(0, 580), 1),
        (record(1, 7), 5),  # the first of its partition tells no speed
        (record(1, 27), 2),
    )
    assert log.rate(NOW) == 10.0


def test_the_rate_falls_to_zero_when_nothing_comes() -> None:
    """It is a matter of the clock, not of the next record."""
    log = log_of((record(0, 0), 2), (record(0, 50), 1))
    assert log.rate(NOW) == 5.0
    assert log.rate(NOW + 20) == 0.0


def test_the_history_adds_up_to_what_was_processed() -> None:
    """Smoothing it over some seconds loses nothing."""
    log = log_of((record(0, 0), 60), (record(0, 50), 50), (record(0, 90), 40))
    history = log.history(NOW)
    assert len(history) == HISTORY_SECONDS
    assert sum(rate for _, rate in history) == pytest.approx(90)


def test_memory_of_the_history_is_bounded() -> None:
    """Weeks of progress leave a few hundred seconds, and the rate is right all the same."""
    log = ProgressLog("in")
    for second in range(10_000):
        log.apply(record(0, 3 * second), second * 1_000)
    assert len(log._seconds) <= 2 * HISTORY_SECONDS
    assert log.rate(10_000.0) == 3.0


def test_the_lag_is_what_the_input_holds_behind_the_progress() -> None:
    """Partitions without progress count from their first offset on."""
    log = log_of((record(0, 40), 1))
    ranges = {0: InputRange(0, 100), 1: InputRange(10, 25)}
    assert log.lag(ranges) == 60 + 15


def test_the_lag_is_never_negative() -> None:
    """The input's end is asked for a little earlier than progress is read."""
    assert log_of((record(0, 40), 1)).lag({0: InputRange(0, 39)}) == 0


def test_processed_records_count_from_where_the_state_began() -> None:
    """A flow that started in mid-stream has not processed what was before."""
    assert log_of((record(0, 40, start=10), 1), (record(1, 5), 1)).processed() == 35


def test_progress_of_another_input_is_ignored() -> None:
    """The group had another INPUT_TOPIC before."""
    log = log_of((record(0, 40, topic="other"), 1))
    assert not log.knows(0)
    assert log.processed() == 0


def test_an_input_that_was_made_again_tells_no_speed() -> None:
    """The new topic's first progress isn't compared with the old one's."""
    log = log_of((record(0, 10), 3), (record(0, 400, id_="b"), 2))
    assert log.rate(NOW) == 0.0
    assert log.processed() == 400


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b'{"offset": "many"}'])
def test_a_record_that_is_no_progress_is_refused(value: bytes | None) -> None:
    """Whatever else was written to the topic."""
    with pytest.raises(UnreadableRecordError):
        ProgressLog("in").apply(value, 0)


def test_dead_letters_count_by_reason() -> None:
    """The reason is in their headers; one without is counted too."""
    letters = DeadLetters()
    letters.apply([("trace", b"1"), ("dlq.reason", b"not_json")], 1_000)
    letters.apply([("dlq.reason", b"not_json")], 3_000)
    letters.apply(None, 2_000)
    assert letters.by_reason() == {"not_json": 2, NO_REASON: 1}


def test_dead_letters_of_endless_reasons_stay_bounded() -> None:
    """The rest counts together, and a long one is cut."""
    letters = DeadLetters()
    for number in range(10 * REASONS_KEPT):
        letters.apply([("dlq.reason", b"%d-" % number + b"x" * 1_000)], 0)
    assert len(letters.by_reason()) == REASONS_KEPT + 1
    assert letters.by_reason()[OTHER_REASONS] == 9 * REASONS_KEPT
    assert max(map(len, letters.by_reason())) <= 64


def test_records_that_are_none_of_ours_are_counted() -> None:
    """Anyone may write to the topics; the page continues and says how many it left out."""
    topics = Topics(ProgressLog("in"))
    topics.apply_insight(b"2024-07-03T09:47:00Z", b"no insight")
    topics.apply_progress(b"no progress", 0)
    assert topics.unreadable == 2
