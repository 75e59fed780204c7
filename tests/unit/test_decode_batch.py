"""Batches of records: parted into logins and rejects, each record judged by its own time."""

import time

import pytest

from operators.batches import Reason
from operators.decode import decode_batch
from operators.event_time import FIRST_RECORD_TIME
from records import RecordBatch
from tests.support.login_messages import DAY, NOW, NOW_MS, message


def batch(*values: bytes | None) -> RecordBatch:
    """A batch of records, all written now."""
    return RecordBatch(
        topic="user-login",
        partition=3,
        start=0,
        next_offset=99,
        offsets=list(range(len(values))),
        timestamps=[NOW_MS] * len(values),
        values=list(values),
        origins=[],
    )


def test_a_batch_is_parted_into_logins_and_rejects() -> None:
    """Both know where in the batch they stood."""
    decoded = decode_batch(batch(message(), None, message(user_id="u"), b"x"))
    assert [login.user_id for login in decoded.logins] == ["593-47-5928", "u"]
    assert list(decoded.indexes) == [0, 2]
    assert [(index, reject.reason) for index, reject in decoded.rejects] == [
        (1, Reason.TOMBSTONE),
        (3, Reason.NOT_JSON),
    ]


def test_a_batch_may_have_no_rejects_or_nothing_else_or_nothing() -> None:
    """None of these is special to what comes after."""
    clean = decode_batch(batch(message(), message()))
    assert (list(clean.indexes), len(clean.logins), clean.rejects) == ([0, 1], 2, [])
    broken = decode_batch(batch(None, None))
    assert (list(broken.indexes), broken.logins, len(broken.rejects)) == ([], [], 2)
    empty = decode_batch(batch())
    assert (list(empty.indexes), empty.logins, empty.rejects) == ([], [], [])


def test_each_record_is_judged_by_its_own_time() -> None:
    """A batch can span any time."""
    records = batch(message(), message())
    records.timestamps[0] = NOW_MS - DAY * 1_000 - 1
    decoded = decode_batch(records)
    assert [(index, reject.reason) for index, reject in decoded.rejects] == [
        (0, Reason.TIMESTAMP_IN_FUTURE)
    ]


@pytest.mark.parametrize("record_time", [-1, 0, 1, NOW, FIRST_RECORD_TIME - 1, NOW * 1_000_000])
def test_a_record_without_a_usable_time_is_judged_by_the_time_of_reading(record_time: int) -> None:
    """A record time that is absent, 0, or in another unit puts no login in the future."""
    records = batch(message(), message(timestamp=NOW + DAY), message(timestamp=NOW + DAY + 1))
    records.timestamps = [record_time] * 3
    decoded = decode_batch(records, now=lambda: float(NOW))
    assert [login.timestamp for login in decoded.logins] == [NOW, NOW + DAY]
    assert [(index, reject.reason) for index, reject in decoded.rejects] == [
        (2, Reason.TIMESTAMP_IN_FUTURE)
    ]


def test_one_record_without_a_usable_time_leaves_the_others_theirs() -> None:
    """The time of reading, two days later, is for the record that has none of its own."""
    records = batch(message(timestamp=NOW + DAY + 1), message(timestamp=NOW + DAY + 1))
    records.timestamps[0] = 0
    decoded = decode_batch(records, now=lambda: float(NOW + 2 * DAY))
    assert [index for index, _ in decoded.rejects] == [1]


def test_a_batch_is_read_now() -> None:
    """Without another clock, a record without a time is judged by the system's."""
    now = int(time.time())
    records = batch(message(timestamp=now), message(timestamp=now + 2 * DAY))
    records.timestamps = [0, 0]
    assert [index for index, _ in decode_batch(records).rejects] == [1]
