import json
from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from operators import decode as decode_module
from operators.batches import Login, Reason, Reject
from operators.decode import (
    FIELDS,
    ID_FIELDS,
    LARGEST_FIELD,
    decode,
    decode_carefully,
)
from tests.support.login_messages import (
    CLEAN,
    DAY,
    LAST_SECOND,
    NOW,
    NOW_MS,
    TEXT_FIELDS,
    login,
    message,
    nested,
    raw_message,
    reason,
    without,
)

# Messages for the properties: raw JSON texts that are mostly near a login, bytes near such a text,
# and any bytes at all.
fragments = st.sampled_from(
    [
        '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"é"', '"\\u00e9"', '"a\\"b\\\\"',
        '""', '"x', '"1.2.3.4"', '"' + "x" * 1_100 + '"', '"' + "\\u00e9" * 400 + '"',
        "null", "true", "0", "-0", "-1", "01", "1.0", "1e5", "1e999", "-1E+999", "NaN", "-Infinity",
        str(NOW), f'"{NOW}"', f'"00{NOW}"', str(NOW * 2), str(NOW * 1_000),
        "1" * 30, "1" * 400, "1" * 5_000, "[1,]", nested(600), f"{NOW}.0", f"{NOW}.999999999",
        f"{NOW}.5", f'"{NOW}.5"', str(NOW * 1_000_000), f'"{NOW}123"', "-7", "1e-9999",
        '"2024-07-10T14:36:56Z"', '"2024-07-10 16:36:56.5+02"', '"20240710T143656Z"',
    ]
)  # fmt: skip
scalars = fragments | st.integers().map(str) | st.floats().map(json.dumps)
texts = st.text().map(json.dumps) | st.text().map(lambda text: json.dumps(text, ensure_ascii=False))
names = st.sampled_from([*FIELDS, *FIELDS, "unknown", "", "User_ID"]).map(json.dumps) | st.just(
    '"user\\u005fid"'
)


def _array(items: list[str]) -> str:
    return f"[{','.join(items)}]"


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in pairs) + "}"


values = st.recursive(
    scalars | texts,
    lambda inner: (
        st.lists(inner, max_size=3).map(_array)
        | st.lists(st.tuples(names, inner), max_size=3).map(_object)
    ),
    max_leaves=5,
)
near_logins = st.lists(st.tuples(names, values), max_size=4).map(
    lambda pairs: _object(
        [(json.dumps(name), json.dumps(value)) for name, value in CLEAN.items()] + pairs
    )
)
json_texts = (near_logins | st.lists(st.tuples(names, values)).map(_object) | values).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message with a stretch of it replaced."""
    value = draw(json_texts | st.just(message()))
    start = draw(st.integers(0, len(value)))
    end = draw(st.integers(start, min(start + 8, len(value))))
    return value[:start] + draw(st.binary(max_size=4)) + value[end:]


prefixes = st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf", b"\0\0\0\0\7", b"\0"])
messages = st.tuples(prefixes, json_texts | mutated() | st.binary()).map(b"".join)


@given(messages)
@example(b"[" * 100_000)
@example(raw_message("locale", nested(100_000)))
@example(raw_message("unknown", "1" * 100_000))
@settings(max_examples=500)
def test_any_bytes_are_a_login_or_a_reject(value: bytes) -> None:
    """No message can stop the flow, whatever is in it."""
    assert isinstance(decode(value, NOW_MS), Login | Reject)


@given(messages)
@settings(max_examples=1_000)
def test_the_quick_way_and_the_careful_way_agree(value: bytes) -> None:
    """How fast a message is read never decides what becomes of it."""
    assert decode(value, NOW_MS) == decode_carefully(value, NOW_MS)


@pytest.mark.parametrize(
    "timestamp",
    [
        NOW,
        str(NOW),
        NOW * 1_000,
        f"{NOW}123456",
        NOW + 0.25,
        f"{NOW}.25",
        "2024-07-10T14:36:56.123Z",
    ],
)
def test_a_usual_login_is_read_the_quick_way(
    monkeypatch: pytest.MonkeyPatch, timestamp: object
) -> None:
    """The careful way costs ten times as much, so it is for unusual messages only."""
    monkeypatch.setattr(decode_module, "decode_carefully", None)
    login(message(timestamp=timestamp))
    login(message(timestamp=timestamp, device_type=None))
    login(message(timestamp=timestamp, user_id=42, device_id=-7))
    login(b"\xef\xbb\xbf" + message(timestamp=timestamp))
    login(b"\0\0\0\0\7" + message(timestamp=timestamp))
    login(without("device_type"))


def test_a_login_has_what_its_message_has() -> None:
    """Each field is where it belongs."""
    assert asdict(login(message())) == {
        "user_id": "593-47-5928",
        "timestamp": NOW,
        "app_version": "2.3.0",
        "device_type": "android",
        "locale": "CA",
        "device_id": "70d46930-4dbf-4458-b100-179cd9ad90aa",
        "ip": "203.0.113.77",
    }


def test_nothing_is_trimmed() -> None:
    """Texts stay as they came, white space and all."""
    assert login(message(user_id=" \n", locale=" CA\0")).user_id == " \n"
    assert login(message(user_id=" \n", locale=" CA\0")).locale == " CA\0"


@pytest.mark.parametrize("name", [name for name in TEXT_FIELDS if name != "user_id"])
def test_a_login_may_lack_a_field(name: str) -> None:
    """Absent, null and empty are soft faults, left to enrich."""
    assert getattr(login(without(name)), name) is None
    assert getattr(login(message(**{name: None})), name) is None
    assert getattr(login(message(**{name: ""})), name) == ""


def test_a_tombstone_is_rejected() -> None:
    """A record without a value holds no login."""
    assert reason(None) is Reason.TOMBSTONE


@pytest.mark.parametrize("value", [b"[]", b'"login"', b"42", b"1.5", b"null", b"true", b"[{}]"])
def test_json_that_is_no_object_is_rejected(value: bytes) -> None:
    """A login is an object, and not in a list either."""
    assert reason(value) is Reason.NOT_AN_OBJECT


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [True, False, [], {}, ["CA"], {"a": 1}])
def test_a_field_of_the_wrong_type_is_rejected(name: str, value: object) -> None:
    """No known field is a boolean, an array or an object."""
    assert reason(message(**{name: value})) is Reason.WRONG_TYPE


@pytest.mark.parametrize("name", [name for name in TEXT_FIELDS if name not in ID_FIELDS])
@pytest.mark.parametrize("raw", ["7", "1" * 400, "1" * 5_000])
def test_only_ids_and_the_timestamp_may_be_integers(name: str, raw: str) -> None:
    """However large the integer is."""
    assert reason(raw_message(name, raw)) is Reason.WRONG_TYPE


@pytest.mark.parametrize("name", TEXT_FIELDS)
@pytest.mark.parametrize("raw", ["7.0", "7.5", "7e3", "-0.0"])
def test_only_the_timestamp_may_have_a_fraction_or_an_exponent(name: str, raw: str) -> None:
    """An id with one would have more than one decimal text."""
    assert reason(raw_message(name, raw)) is Reason.WRONG_TYPE


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "ip"])
def test_a_field_over_1024_bytes_is_rejected(name: str) -> None:
    """Bytes of UTF-8 count, whatever escapes the message was written with."""
    digits = f"{NOW:0{LARGEST_FIELD}}"
    assert reason(message(**{name: digits})) is None
    assert reason(message(**{name: "0" + digits})) is Reason.TOO_LARGE
    if name != "timestamp":
        assert reason(raw_message(name, '"' + "\\u00e9" * 512 + '"')) is None
        assert reason(raw_message(name, '"' + "\\u00e9" * 512 + 'x"')) is Reason.TOO_LARGE
        assert reason(raw_message(name, '"' + "é" * 513 + '"')) is Reason.TOO_LARGE


def test_ip_and_unknown_fields_may_be_of_any_size() -> None:
    """A long ip is not an address, which is for enrich to say."""
    assert reason(message(ip="1" * 900_000)) is None
    assert reason(message(unknown="1" * 900_000)) is None


@pytest.mark.parametrize("name", ["user_id", "timestamp"])
def test_a_login_has_a_user_and_a_timestamp(name: str) -> None:
    """Absent, null and empty are the same."""
    assert reason(without(name)) == f"missing_{name}"
    assert reason(message(**{name: None})) == f"missing_{name}"
    assert reason(message(**{name: ""})) == f"missing_{name}"


@pytest.mark.parametrize("raw", ["1" * 5_000, "-" + "1" * 5_000, "1" * 900_000])
def test_an_integer_that_python_would_not_convert_is_an_invalid_timestamp(raw: str) -> None:
    """In a field that nobody reads it does no harm."""
    assert reason(raw_message("timestamp", raw)) is Reason.INVALID_TIMESTAMP
    assert reason(raw_message("unknown", raw)) is None


def test_a_timestamp_may_be_a_day_past_its_record() -> None:
    """A millisecond more, and it is in the future."""
    timestamp = NOW + 2 * DAY
    for value in (
        message(timestamp=timestamp),
        message(timestamp=str(timestamp)),
        message(timestamp=timestamp, unknown=1),
    ):
        assert isinstance(decode(value, (timestamp - DAY) * 1_000), Login)
        result = decode(value, (timestamp - DAY) * 1_000 - 1)
        assert isinstance(result, Reject)
        assert result.reason is Reason.TIMESTAMP_IN_FUTURE


def test_the_year_9999_is_valid_and_the_future() -> None:
    """The range is judged before the record's time."""
    assert reason(message(timestamp=LAST_SECOND)) is Reason.TIMESTAMP_IN_FUTURE
    assert isinstance(decode(message(timestamp=LAST_SECOND), LAST_SECOND * 1_000), Login)


FAULTS: dict[Reason, Callable[[dict[str, object]], dict[str, object]]] = {
    Reason.NOT_JSON: lambda fields: fields | {"ip": "\ud800"},
    Reason.WRONG_TYPE: lambda fields: fields | {"device_type": 7},
    Reason.TOO_LARGE: lambda fields: fields | {"locale": "x" * 2_000},
    Reason.MISSING_USER_ID: lambda fields: fields | {"user_id": None},
    Reason.MISSING_TIMESTAMP: lambda fields: fields | {"timestamp": ""},
    Reason.INVALID_TIMESTAMP: lambda fields: fields | {"timestamp": "x"},
    Reason.TIMESTAMP_IN_FUTURE: lambda fields: fields | {"timestamp": NOW * 2},
}
TIMESTAMP_FAULTS = {
    Reason.MISSING_TIMESTAMP, Reason.INVALID_TIMESTAMP, Reason.TIMESTAMP_IN_FUTURE
}  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second"),
    [pair for pair in combinations(FAULTS, 2) if not set(pair) <= TIMESTAMP_FAULTS],
)
def test_of_two_faults_the_first_in_the_contract_s_order_is_the_reason(
    first: Reason, second: Reason
) -> None:
    """Whichever fields they are in, and in whatever order these stand."""
    fields = FAULTS[first](FAULTS[second](CLEAN))
    assert reason(json.dumps(fields).encode()) is first
    assert reason(json.dumps(dict(reversed(fields.items()))).encode()) is first


def test_unknown_fields_are_ignored() -> None:
    """Names count as they are written: another case is another field."""
    more = message(unknown={"user_id": 7}, User_ID=7, TIMESTAMP=[], **{"": None})
    assert decode(more, NOW_MS) == decode(message(), NOW_MS)
    assert reason(without("user_id")[:-1] + b', "User_ID": "7"}') is Reason.MISSING_USER_ID


@pytest.mark.parametrize("raw", ['"NY"', "7", "[7]", '"\\ud800"', '"' + "x" * 2_000 + '"'])
def test_the_last_of_a_field_s_values_counts(raw: str) -> None:
    """As nearly every reader does it; what stood there before is never looked at."""
    twice = raw_message("locale", raw)[:-1] + b', "locale": "CA"}'
    assert decode(twice, NOW_MS) == decode(message(), NOW_MS)
    reverse = message()[:-1] + b', "locale": ' + raw.encode() + b"}"
    assert decode(reverse, NOW_MS) == decode(raw_message("locale", raw), NOW_MS)


def test_json_may_be_written_in_any_way() -> None:
    """White space and escapes don't matter."""
    clean = decode(message(), NOW_MS)
    assert decode(b" \t\r\n" + message() + b"\n", NOW_MS) == clean
    assert decode(json.dumps(CLEAN, indent=4).encode(), NOW_MS) == clean
    assert decode(message().replace(b"user_id", b"user\\u005fid"), NOW_MS) == clean


@given(st.sampled_from(FIELDS), values)
def test_a_reject_says_why_without_quoting_the_record(name: str, raw: str) -> None:
    """Details go to logs and headers, where no value may appear."""
    marker = "m4rker"
    fields = json.dumps(dict.fromkeys(FIELDS, marker) | {marker: marker})
    value = f'{fields[:-1]}, "{name}": {raw}, "{marker}": "{marker}"'.encode("utf-8", "ignore")
    for each in (value + b"}", value + b", " + marker.encode() + b"}", value + b"\xff}"):
        result = decode(each, NOW_MS)
        assert isinstance(result, Reject) or name == "timestamp"
        assert isinstance(result, Login) or (result.detail and marker not in result.detail)


def test_the_detail_names_the_field_and_the_rule() -> None:
    """What people need to find the sender's mistake."""
    details = [
        result.detail
        for value in (message(locale=7), message(device_id="x" * 2_000), message(timestamp="x"))
        if isinstance(result := decode(value, NOW_MS), Reject)
    ]
    assert details == [
        "locale is a number, not text",
        "device_id is over 1,024 bytes of UTF-8",
        "timestamp is not from 1970 to 9999: send epoch seconds, milliseconds or microseconds, "
        "or an ISO date and time",
    ]
