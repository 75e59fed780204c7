"""The forms of a login that are read without a setting: each gives the same login."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from operators.batches import Reason, Reject
from operators.decode import FIELDS, ID_FIELDS, LARGEST_FIELD, decode
from tests.support.login_messages import CLEAN, NOW, NOW_MS, login, message, raw_message, reason

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
REGISTRY_HEADER = b"\0\0\1\x86\xa0"
PREFIXES = [BYTE_ORDER_MARK, REGISTRY_HEADER, REGISTRY_HEADER + BYTE_ORDER_MARK]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("changes", [{}, {"unknown": 1}, {"locale": "x" * LARGEST_FIELD}])
def test_a_byte_order_mark_or_a_registry_header_is_passed_over(
    prefix: bytes, changes: dict[str, object]
) -> None:
    """The JSON after it is read as if it stood alone, on the quick way and on the careful one."""
    assert login(prefix + message(**changes)) == login(message(**changes))


@given(st.binary(min_size=4, max_size=4))
@example(b'\0{\0"')
def test_a_registry_header_may_have_any_schema_id(schema_id: bytes) -> None:
    """Ids are four bytes, whatever they are."""
    assert login(b"\0" + schema_id + message()) == login(message())


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_follows_a_prefix_is_judged_as_without_it(prefix: bytes) -> None:
    """The reason is the same for a wrong field."""
    assert reason(prefix + message(locale=7)) is Reason.WRONG_TYPE
    assert reason(prefix + b"[]") is Reason.NOT_AN_OBJECT
    assert reason(prefix + message()[:-1]) is Reason.NOT_JSON
    assert reason(prefix + raw_message("unknown", b'"\xff"')) is Reason.NOT_JSON


@given(st.integers(), st.none() | st.integers())
@example(0, 0)
@example(2**64, -(2**63) - 1)
@example(10 ** (LARGEST_FIELD - 1), None)
def test_an_integer_id_is_its_decimal_text(user_id: int, device_id: int | None) -> None:
    """All its digits count, and 0 is an id like any other."""
    as_text = None if device_id is None else str(device_id)
    for changes in ({}, {"unknown": 1}):
        integers = login(message(user_id=user_id, device_id=device_id, **changes))
        assert integers == login(message(user_id=str(user_id), device_id=as_text))


@pytest.mark.parametrize("name", ID_FIELDS)
def test_an_integer_id_is_as_long_as_a_text_may_be(name: str) -> None:
    """However many more digits it has than Python would convert."""
    assert reason(raw_message(name, "1" * LARGEST_FIELD)) is None
    for digits in (LARGEST_FIELD + 1, 5_000, 900_000):
        assert reason(raw_message(name, "1" * digits)) is Reason.TOO_LARGE
    assert reason(raw_message(name, "-" + "1" * LARGEST_FIELD)) is Reason.TOO_LARGE


@pytest.mark.parametrize("name", ID_FIELDS)
@pytest.mark.parametrize("value", [True, False, 7.0, 7.5])
def test_an_id_is_neither_a_boolean_nor_a_fraction(name: str, value: object) -> None:
    """Though Python takes true for an integer; the detail says what it may be."""
    result = decode(message(**{name: value}), NOW_MS)
    assert isinstance(result, Reject)
    assert result.reason is Reason.WRONG_TYPE
    assert result.detail.endswith("not an integer or text")


@pytest.mark.parametrize(
    "raw",
    [
        *(f"{NOW}", f"{NOW}.0", f"{NOW}.999999999999999999", f"{NOW}123", f"{NOW}123456"),
        *(f"{NOW}999.999999999", f"{NOW}999999.999999999", "17.20622216e8", "1720622216E0"),
        *(f'"{NOW}"', f'"000{NOW}"', f'"{NOW}.9"', f'"{NOW}123"', f'"{NOW}123456.7"'),
        *('"2024-07-10T14:36:56Z"', '"2024-07-10 16:36:56,999+0200"', '"20240710T143656"'),
    ],
)
def test_a_timestamp_is_the_second_it_lies_in(raw: str) -> None:
    """In each form, also where a double would have been rounded up to the next second."""
    for value in (raw_message("timestamp", raw), raw_message("timestamp", f'{raw}, "unknown": 1')):
        assert login(value).timestamp == NOW


@pytest.mark.parametrize("raw", ["-0.5", "-1", "-1e-9", "1e300", f"{NOW}123456789", '"1e9"', '"x"'])
def test_a_timestamp_of_no_form_is_rejected(raw: str) -> None:
    """As invalid, not as a wrong type: it is a number or a text."""
    assert reason(raw_message("timestamp", raw)) is Reason.INVALID_TIMESTAMP


def test_a_number_that_no_double_holds_is_not_json() -> None:
    """In the timestamp as in any other field; one next to zero is zero."""
    assert reason(raw_message("timestamp", "1e999")) is Reason.NOT_JSON
    for raw in ("1e-999", "1e-99999999999999999999", "0e99999999999999999999"):
        assert login(raw_message("timestamp", raw)).timestamp == 0


forms_of_an_instant = st.sampled_from(
    [
        lambda second, _: json.dumps(second),
        lambda second, _: json.dumps(str(second)),
        lambda second, fraction: f"{second}.{fraction:06}",
        lambda second, fraction: f'"{second}.{fraction:06}"',
        lambda second, fraction: str(second * 1_000 + fraction // 1_000),
        lambda second, fraction: f'"{second}{fraction // 1_000:03}"',
        lambda second, fraction: f"{second}{fraction:06}",
        lambda second, fraction: f'"{second}{fraction:06}"',
    ]
)


@given(
    st.integers(NOW // 2, NOW), st.integers(0, 999_999), forms_of_an_instant, forms_of_an_instant
)
def test_all_forms_of_an_instant_give_the_same_login(
    second: int, fraction: int, one: object, other: object
) -> None:
    """So windows are the same whichever a producer chooses."""
    assert callable(one)
    assert callable(other)
    first, second_login = (
        login(raw_message("timestamp", form(second, fraction))) for form in (one, other)
    )
    assert first == second_login
    assert first.timestamp == second


def test_the_other_fields_are_as_they_came() -> None:
    """Reading another form of one field changes none of the others."""
    usual = {name: getattr(login(message()), name) for name in FIELDS}
    for changes in ({"user_id": 42}, {"timestamp": f"{NOW}123"}, {"device_id": 7}):
        found = login(message(**changes))
        kept = [name for name in FIELDS if name not in changes]
        assert [getattr(found, name) for name in kept] == [usual[name] for name in kept]
    assert set(CLEAN) == set(FIELDS)
