import msgspec
import pytest

from operators.batches import Reason, Reject
from operators.event_time import Windowing
from operators.login_columns import summarise_columns
from operators.processed import read_processed, read_processed_batch, rejects_only
from tests.support.attacks import START, login
from tests.support.batches import login_batch

GOOD = login(START, "u", "203.0.113.0")


def changed(**fields: object) -> bytes:
    """Return a processed login's record with other fields."""
    return msgspec.json.encode({**msgspec.structs.asdict(GOOD), **fields})


def test_what_the_login_flow_wrote_is_read_as_it_was() -> None:
    """All fields, and fields that a later version may add are passed over."""
    assert read_processed(msgspec.json.encode(GOOD)) == GOOD
    assert read_processed(changed(added_later=1)) == GOOD


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.TOMBSTONE),
        (b"", Reason.NOT_JSON),
        (b"\xff", Reason.NOT_JSON),
        (b'{"a":' * 2_000, Reason.NOT_JSON),
        (b"[]", Reason.WRONG_TYPE),
        (b"{}", Reason.WRONG_TYPE),
        (changed(user_id=1), Reason.WRONG_TYPE),
        (changed(timestamp=-1), Reason.INVALID_TIMESTAMP),
        (changed(timestamp=10**15), Reason.INVALID_TIMESTAMP),
        (changed(user_id="$").replace(b"$", rb"\ud800"), Reason.NOT_JSON),
        (changed(masked_ip="$").replace(b"$", rb"\ud800"), Reason.NOT_JSON),
    ],
)
def test_what_is_no_processed_login_is_rejected(value: bytes | None, reason: Reason) -> None:
    """Whatever the bytes, with its reason."""
    verdict = read_processed(value)
    assert isinstance(verdict, Reject)
    assert verdict.reason == reason


def test_login_from_the_future_counts_when_its_record_was_written() -> None:
    """So that no fast clock closes windows for the others."""
    fast, windowing = login(START + 43_200, "u", "203.0.113.0"), Windowing(300, 60)
    source = login_batch([fast, GOOD], record_times=[START * 1_000 + 999] * 2).source
    source.values = [msgspec.json.encode(one) for one in (fast, GOOD)]
    summary = summarise_columns(read_processed_batch(source), windowing)
    assert summary.newest == START
    assert [total.users for total in summary.windows.values()] == [["u", "u"]]
    assert summary.late == ()


def test_only_rejects_are_written() -> None:
    """As dead letters, with the progress behind the whole batch."""
    source = login_batch([GOOD, GOOD]).source
    source.values = [msgspec.json.encode(GOOD), b"{}"]
    source.origins = [Origin(), Origin()]
    batch = read_processed_batch(source)
    assert batch.logins == [GOOD]
    written = rejects_only(batch)
    assert (written.records, written.next_offset) == ([], 2)
    assert [letter.reason for letter in written.dead_letters] == ["wrong_type"]


class Origin:
    """A record without key and headers."""

    def key(self) -> None:
        """Return none."""

    def headers(self) -> None:
        """Return none."""
