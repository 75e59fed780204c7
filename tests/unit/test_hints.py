"""What a dead letter says about a record in a form that isn't read, and what to do about it."""

import gzip
import json
import re
from typing import Any

import msgspec
import pytest

from dlq.masking import shown_detail
from operators import hints
from operators.batches import Reason, Reject
from operators.decode import FIELDS, decode
from tests.support.login_messages import CLEAN, NOW, NOW_MS, message, raw_message

USER = CLEAN["user_id"]
HEADER = b"\0\0\0\0\7"
MISSING_USER = "user_id is absent, null or empty"
DEBEZIUM = {"before": None, "after": CLEAN, "source": {}, "op": "c", "ts_ms": NOW_MS}
CLOUD_EVENT = {"specversion": "1.0", "type": "login", "source": "/a", "id": "1", "data": CLEAN}


def detail(value: bytes | dict[str, Any]) -> tuple[Reason, str]:
    """Why a message is rejected."""
    result = decode(value if isinstance(value, bytes) else json.dumps(value).encode(), NOW_MS)
    assert isinstance(result, Reject)
    return result.reason, result.detail


def renamed(**names: str) -> dict[str, Any]:
    """A clean login, some fields of which have another name."""
    return {names.get(name, name): value for name, value in CLEAN.items()}


UNWRAP = "unwrap it with the connector's transform ExtractNewRecordState"
MISSING = {
    "debezium": (DEBEZIUM, f"the record is a Debezium change event: {UNWRAP}"),
    "deleted": (
        DEBEZIUM | {"before": CLEAN, "after": None, "op": "d"},
        f"the record is a Debezium change event: {UNWRAP}",
    ),
    "debezium in connect": (
        {"schema": {"type": "struct"}, "payload": DEBEZIUM},
        f"the record is a Debezium change event: {UNWRAP}",
    ),
    "connect": (
        {"schema": {"type": "struct", "fields": []}, "payload": CLEAN},
        "the record is a Kafka Connect envelope: turn off schemas in the JSON converter",
    ),
    "cloudevent": (
        CLOUD_EVENT,
        "the record is a structured CloudEvent: send it in binary mode, the data as value",
    ),
    "cloudevent in base64": (
        CLOUD_EVENT | {"data_base64": "e30="},
        "the record is a structured CloudEvent: send it in binary mode, the data as value",
    ),
    **{
        name: (
            renamed(user_id=name),
            "it is there under another spelling: field names are in lower case, as user_id",
        )
        for name in ("userId", "UserID", "USER_ID", "user-id", "userid", " user_id", "User Id")
    },
    "inner object": (
        {"meta": {"version": 1}, "event": CLEAN},
        "a field of the record is an object with a user_id: send only that object",
    ),
    "inner object in camel case": (
        {"detail-type": "Login", "detail": renamed(user_id="userId")},
        "a field of the record is an object with a user_id: send only that object",
    ),
    "inner array": (
        {"records": [CLEAN, CLEAN]},
        "a field of the record is an array of objects with a user_id: send each alone",
    ),
    "inner text": (
        {"host": "a", "message": json.dumps(CLEAN)},
        "a field of the record is JSON text with a user_id: send only that, as JSON",
    ),
}


@pytest.mark.parametrize(("record", "hint"), MISSING.values(), ids=MISSING)
def test_a_missing_user_id_that_is_elsewhere_is_pointed_at(
    record: dict[str, Any], hint: str
) -> None:
    """In an envelope, in an inner value, or under another spelling."""
    assert detail(record) == (Reason.MISSING_USER_ID, f"{MISSING_USER}; {hint}")
    null_beside = {**record, "user_id": None}
    assert detail(null_beside) == (Reason.MISSING_USER_ID, f"{MISSING_USER}; {hint}")


def test_a_missing_timestamp_that_is_elsewhere_is_pointed_at() -> None:
    """As a user id is."""
    absent = "timestamp is absent, null or empty"
    assert detail(renamed(timestamp="timeStamp"))[1].startswith(f"{absent}; it is there under")
    inner = {"user_id": USER, "event": CLEAN}
    assert detail(inner)[1].startswith(f"{absent}; a field of the record is an object with a time")


@pytest.mark.parametrize(
    "record",
    [{}, {"id": 1}, {"schema": {}}, {"payload": 7}, {"op": "c"}, {"a": [], "b": [1], "c": "{"}],
)
def test_a_field_that_is_nowhere_is_only_missing(record: dict[str, Any]) -> None:
    """Nothing is guessed."""
    assert detail(record) == (Reason.MISSING_USER_ID, MISSING_USER)


def test_a_complete_login_is_one_whatever_else_the_record_has() -> None:
    """Marks of an envelope don't make a login less of one."""
    for record in (CLEAN | DEBEZIUM, CLEAN | CLOUD_EVENT, CLEAN | {"schema": 1, "payload": 2}):
        assert not isinstance(decode(json.dumps(record).encode(), NOW_MS), Reject)


SEVERAL = "the value holds several JSON texts: send one login per record"
NOT_JSON = {
    "utf-16": (message().decode().encode("utf-16"), hints.NOT_UTF8),
    "utf-16-le": (message().decode().encode("utf-16-le"), hints.NOT_UTF8),
    "utf-16-be": (message().decode().encode("utf-16-be"), hints.NOT_UTF8),
    "utf-16-be with a mark": (("\ufeff" + message().decode()).encode("utf-16-be"), hints.NOT_UTF8),
    "utf-32": (message().decode().encode("utf-32"), hints.NOT_UTF8),
    "utf-32-le": (message().decode().encode("utf-32-le"), hints.NOT_UTF8),
    "utf-32-be": (message().decode().encode("utf-32-be"), hints.NOT_UTF8),
    "utf-16 indented": (json.dumps(CLEAN, indent=1).encode("utf-16-le"), hints.NOT_UTF8),
    "avro": (HEADER + b"\x16593-47-5928\x0a2.3.0", hints.BINARY_AFTER_HEADER),
    "avro of a text of 17": (HEADER + b'"' + b"x" * 17, hints.BINARY_AFTER_HEADER),
    "protobuf": (HEADER + b"\0\x0a\x0b593-47-5928", hints.BINARY_AFTER_HEADER),
    "nine bytes": (b"\0\0\0\0" + HEADER + message(), hints.LONG_HEADER),
    "lines": (message() + b"\n" + message() + b"\n", SEVERAL),
    "nothing between": (message() * 3, SEVERAL),
    "commas between": (message() + b", " + message(), SEVERAL),
    "array behind": (message() + b"[]", SEVERAL),
    "lines after a header": (HEADER + message() + b"\n" + message(), SEVERAL),
    "gzip": (gzip.compress(message()), hints.COMPRESSED),
    "zstd": (b"\x28\xb5\x2f\xfd\x20\x05", hints.COMPRESSED),
    "single quotes": (repr(CLEAN).encode(), hints.BEGINNINGS[b"{'"]),
    "avro file": (b"Obj\x01\x04\x14avro.codec", hints.BEGINNINGS[b"Obj\x01"]),
    "glue": (b"\x03\x00" + b"\7" * 16 + message(), hints.BEGINNINGS[b"\x03\x00"]),
}


@pytest.mark.parametrize(("value", "expected"), NOT_JSON.values(), ids=NOT_JSON)
def test_another_encoding_or_format_is_named(value: bytes, expected: str) -> None:
    """It is seen by how the value begins, or by what follows the first JSON text."""
    assert detail(value) == (Reason.NOT_JSON, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"{", "the value is not JSON at character 1"),
        (message() + b"}", f"the value is not JSON at character {len(message())}"),
        (HEADER + b"{", "the value is not JSON at character 1 after its first 5 bytes"),
        (HEADER + b" [\xff", "the value is not UTF-8 at byte 2 after its first 5 bytes"),
        (b"\xef\xbb\xbf{]", "the value is not JSON at character 1 after its first 3 bytes"),
        (HEADER[:-1], "the value is not JSON at character 0"),
        (b"\0", "the value is not JSON at character 0"),
    ],
)
def test_broken_json_is_told_by_its_place(value: bytes, expected: str) -> None:
    """Counted from what follows a prefix, whose length is said."""
    assert detail(value) == (Reason.NOT_JSON, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"[{message().decode()}]", "a JSON array, not an object: send one login per record"),
        ("[]", "a JSON array, not an object: send one login per record"),
        (
            json.dumps(message().decode()),
            "JSON within a JSON string, encoded twice: encode the login once",
        ),
        ('"login"', "JSON, but not an object"),
        ("7", "JSON, but not an object"),
    ],
)
def test_json_that_is_not_an_object_is_told_by_what_it_is(value: str, expected: str) -> None:
    """Several logins in one record, or one that was encoded twice."""
    assert detail(value.encode()) == (Reason.NOT_AN_OBJECT, f"the value is {expected}")


@pytest.mark.parametrize("raw", [f"{NOW}123456789", f'"{NOW}123456789"', f"{NOW}123456789.5"])
def test_nanoseconds_are_named(raw: str) -> None:
    """The only usual unit that isn't read: a number that big has no other meaning."""
    assert detail(raw_message("timestamp", raw)) == (
        Reason.INVALID_TIMESTAMP,
        "timestamp is in nanoseconds: send seconds, milliseconds or microseconds",
    )


@pytest.mark.parametrize("raw", ["-1", '"x"', "1" * 30, '"1720622216123456789x"', "-5e20"])
def test_a_timestamp_of_no_unit_is_told_what_is_read(raw: str) -> None:
    """All forms are listed."""
    reason, found = detail(raw_message("timestamp", raw))
    assert reason is Reason.INVALID_TIMESTAMP
    assert re.search("seconds, milliseconds or microseconds, or an ISO date and time", found)


def every_detail() -> set[str]:
    """All that these tests have dead letters say."""
    values: list[Any] = [record for record, _ in MISSING.values()]
    values += [value for value, _ in NOT_JSON.values()]
    values += [raw_message("timestamp", raw) for raw in (f"{NOW}123456789", "-1")]
    values += [b"[]", json.dumps("{}").encode(), message(user_id=1.5), message(timestamp=[])]
    return {detail(value)[1] for value in values}


def test_dlq_show_prints_what_a_dead_letter_says_as_it_is() -> None:
    """Nothing in it looks like something of a record, or is too long to be shown."""
    assert {text for text in every_detail() if shown_detail(text) != text} == set()


def test_what_a_dead_letter_says_has_no_name_or_value_of_the_record() -> None:
    """Beside the names of a login's fields."""
    marker = "m4rker"
    inner = dict.fromkeys((*FIELDS, marker), marker)
    for record in (
        {marker: inner},
        {marker: [inner]},
        {marker: json.dumps(inner)},
        {"userId": marker, marker: marker},
        {"schema": marker, "payload": inner},
        {"specversion": marker, marker: marker},
    ):
        assert marker not in detail(record)[1]
        assert marker not in detail(msgspec.json.encode([record]))[1]
        assert marker not in detail(msgspec.json.encode(record) * 2)[1]
