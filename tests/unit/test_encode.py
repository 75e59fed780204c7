import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from models import ProcessedLogin
from operators.decode import decode_batch
from operators.encode import encode, encode_batch
from operators.enrich import enrich_batch
from producer.hostile import RECORD, hostile_messages
from records import DeadLetter, Headers, OutputBatch, RecordBatch, RecordOrigin

NOW = 1_720_622_216
FIELDS = [
    "user_id", "device_id", "device_type", "app_version", "version_category", "locale",
    "masked_ip", "timestamp", "login_at", "processed_at", "quality",
]  # fmt: skip

processed_logins = st.builds(
    ProcessedLogin,
    timestamp=st.integers(0, 2**40),
    quality=st.lists(st.text()).map(tuple),
)
Fields = dict[str, object]
inputs = st.fixed_dictionaries(
    {"user_id": st.text(min_size=1), "timestamp": st.just(NOW)},
    optional=dict.fromkeys(
        ("app_version", "device_type", "locale", "device_id"), st.none() | st.text()
    ),
)


@dataclass
class Origin:
    """A consumed message, as far as dead letters go."""

    given_key: bytes | None = None
    given_headers: Headers | None = None

    def key(self) -> bytes | None:
        """The record's key."""
        return self.given_key

    def headers(self) -> Headers | None:
        """The record's headers; confluent-kafka has None for none."""
        return self.given_headers


NOT_UTF8 = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")


@dataclass
class OriginWithBrokenHeaders(Origin):
    """A message with a header name that is not UTF-8, as confluent-kafka 2.16.1 hands it out."""

    error: Exception = NOT_UTF8
    asked: int = 0

    def headers(self) -> Headers | None:
        """Raise once: the list that a second call returns would crash the process."""
        self.asked += 1
        assert self.asked == 1
        raise self.error


def good(user: str = "user") -> bytes:
    """A login's message."""
    return json.dumps({"user_id": user, "timestamp": NOW, "ip": "203.0.113.77"}).encode()


def source(values: Sequence[bytes | None], origins: Sequence[RecordOrigin] = ()) -> RecordBatch:
    """A batch as read, with gaps between its offsets and behind them."""
    return RecordBatch(
        topic="user-login",
        partition=3,
        start=7,
        next_offset=1_000,
        offsets=[10 + 2 * index for index in range(len(values))],
        timestamps=[NOW * 1_000 + index for index in range(len(values))],
        values=list(values),
        origins=origins or [Origin() for _ in values],
    )


def written(batch: RecordBatch) -> OutputBatch:
    """What the three operators make of it."""
    return encode_batch(
        enrich_batch(decode_batch(batch), now=lambda: datetime(2024, 7, 10, tzinfo=UTC))
    )


@given(processed_logins)
def test_a_login_is_json_under_its_user(login: ProcessedLogin) -> None:
    """All fields of the contract in its order, readable by any JSON parser."""
    record = encode(login)
    assert record["key"] == login.user_id
    fields = json.loads(record["value"])
    assert list(fields) == FIELDS
    assert ProcessedLogin(**{**fields, "quality": tuple(fields["quality"])}) == login


@given(st.lists(inputs))
def test_what_is_decoded_can_be_written(logins: list[Fields]) -> None:
    """Any text that JSON can bring goes through unchanged."""
    output = written(source([json.dumps(login).encode() for login in logins]))
    assert output.dead_letters == []
    for login, record in zip(logins, output.records, strict=True):
        fields = json.loads(record["value"])
        assert record["key"] == fields["user_id"] == login["user_id"]
        assert fields["locale"] == (login.get("locale") or "unknown")


def test_records_keep_their_offsets() -> None:
    """A replay leaves out by them what is written already, rejected neighbours or not."""
    clean = written(source([good("a"), good("b")]))
    assert [record["key"] for record in clean.records] == ["a", "b"]
    assert clean.offsets == [10, 12]
    mixed = written(source([good("a"), None, good("b"), b"x", good("c")]))
    assert [record["key"] for record in mixed.records] == ["a", "b", "c"]
    assert mixed.offsets == [10, 14, 18]


@pytest.mark.parametrize("values", [[], [None, b"x"], [good()], [good(), None]])
def test_progress_is_the_source_s_whatever_became_of_it(values: list[bytes | None]) -> None:
    """Also of a batch with rejects only, and of an empty one."""
    output = written(source(values))
    assert (output.topic, output.partition, output.start) == ("user-login", 3, 7)
    assert output.next_offset == 1_000
    assert len(output.records) + len(output.dead_letters) == len(values)
    assert len(output.records) == len(output.offsets)


def test_dead_letters_are_in_the_order_of_the_input() -> None:
    """Whatever order the rejects are in."""
    decoded = decode_batch(source([b"[]", None, good(), b"{}", b"x"]))
    decoded.rejects.reverse()
    output = encode_batch(enrich_batch(decoded))
    assert [(letter.offset, letter.reason) for letter in output.dead_letters] == [
        (10, "not_an_object"),
        (12, "tombstone"),
        (16, "missing_user_id"),
        (18, "not_json"),
    ]


def test_a_dead_letter_is_the_record_untouched() -> None:
    """Key, value, headers, offset and time, and why it is here."""
    headers: Headers = [("trace", b"\xff"), ("trace", None), ("dlq.reason", b"old"), ("", b"")]
    origins = [Origin(), Origin(b"\xfe", headers)]
    [letter] = written(source([good(), b"\xff"], origins)).dead_letters
    assert letter == DeadLetter(
        offset=12,
        timestamp=NOW * 1_000 + 1,
        key=b"\xfe",
        value=b"\xff",
        headers=headers,
        reason="not_json",
        detail="the value is not UTF-8 at byte 0",
    )


def test_a_client_s_message_is_an_origin() -> None:
    """What the consumer returns has key and headers, or None for either."""
    full = Message(key=b"key", value=b"x", headers=[("trace", b"\xff"), ("", None)])
    origins = cast("list[RecordOrigin]", [full, Message(value=None)])
    first, second = written(source([b"x", None], origins)).dead_letters
    assert (first.key, first.headers) == (b"key", [("trace", b"\xff"), ("", None)])
    assert (second.key, second.value, second.headers) == (None, None, [])


@pytest.mark.parametrize("error", [NOT_UTF8, SystemError("result with an exception set")])
def test_headers_that_cannot_be_read_are_none(error: Exception) -> None:
    """They must not stop the flow, and may be asked for only once; Python 3.11 has the second."""
    [letter] = written(source([b"x"], [OriginWithBrokenHeaders(b"key", error=error)])).dead_letters
    assert (letter.key, letter.value, letter.headers) == (b"key", b"x", None)


def test_an_origin_is_asked_for_dead_letters_only() -> None:
    """A record that is fine costs nothing here."""
    origin = OriginWithBrokenHeaders()
    written(source([good()], [origin]))
    assert origin.asked == 0


def test_each_hostile_message_meets_its_fate() -> None:
    """The producer's catalogue was written from the contract, not from this code."""
    catalogue = hostile_messages(NOW)
    batch = source([message.value for message in catalogue])
    batch.timestamps = [message.record_timestamp_ms or NOW * 1_000 for message in catalogue]
    output = written(batch)
    names = dict(zip(batch.offsets, (message.name for message in catalogue), strict=True))
    fates = {names[letter.offset]: (letter.reason, ()) for letter in output.dead_letters} | {
        names[offset]: (RECORD, tuple(json.loads(record["value"])["quality"]))
        for offset, record in zip(output.offsets, output.records, strict=True)
    }
    assert fates == {message.name: (message.expected, message.quality) for message in catalogue}


@pytest.mark.parametrize(
    ("record_time", "arrived"), [(NOW * 1_000, NOW * 1_000), (NOW, None), (-1, None)]
)
def test_only_a_usable_record_time_tells_when_a_batch_arrived(
    record_time: int, arrived: int | None
) -> None:
    """A time in seconds would look like a latency of half a century."""
    batch = source([good(), good()])
    batch.timestamps = [record_time, NOW * 1_000]
    assert written(batch).arrived == arrived
    assert written(source([])).arrived is None
