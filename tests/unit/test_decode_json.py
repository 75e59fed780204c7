import sys

import pytest

from operators.batches import Login, Reason, Reject
from operators.decode import DEEPEST_NESTING, FIELDS, decode
from tests.support.login_messages import NOW_MS, login, message, nested, raw_message, reason


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"\0",
        b"{",
        b"login",
        b"'a'",
        message()[:-1],
        message() + b"}",
        message() * 2,
        message() + b"\0",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\xef\xbb\xbf" + message(),
        message() + b"\xef\xbb\xbf",
        b"\0\0\0\0\7",
        b"\0\0\0\0\7\0\0\0\0\7" + message(),
        b"\xef\xbb\xbf\0\0\0\0\7" + message(),
        b"\1\0\0\0\7" + message(),
        message().decode().encode("utf-16"),
    ],
)
def test_what_is_no_json_is_rejected(value: bytes) -> None:
    """Empty, cut off, with something before or after it, or in another encoding."""
    assert reason(value) is Reason.NOT_JSON


@pytest.mark.parametrize("name", ["locale", "timestamp", "unknown"])
@pytest.mark.parametrize(
    "raw",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"-1E+999",
        b'{"a": [1e999]}',
        b"01",
        b"+1",
        b"1.",
        b'"a\nb"',
        b'"\\x41"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\xc0\xaf"',
        b"[1,]",
        b"",
    ],
)
def test_bad_json_is_rejected_in_known_and_unknown_fields(name: str, raw: bytes) -> None:
    """Strict JSON in strict UTF-8 everywhere; a number that no double holds counts as none."""
    assert reason(raw_message(name, raw)) is Reason.NOT_JSON


@pytest.mark.parametrize("raw", ['"\\ud800"', '"\\udc00"', '"\\udc00\\ud800"', '"x\\ud800x"'])
def test_a_lone_surrogate_is_rejected_in_known_fields_only(raw: str) -> None:
    """It can't be written again as UTF-8; in a field that nobody reads it does no harm."""
    assert {reason(raw_message(name, raw)) for name in FIELDS} == {Reason.NOT_JSON}
    assert reason(raw_message("unknown", raw)) is None
    assert reason(raw_message("unknown", f'{{"user_id": [{raw}], {raw}: 1}}')) is None
    assert login(raw_message("locale", '"\\ud83d\\ude00"')).locale == "\N{GRINNING FACE}"


def test_nesting_is_limited() -> None:
    """The login's own object is the first level; the limit is the same wherever levels stand."""
    inside = DEEPEST_NESTING - 1
    assert reason(raw_message("unknown", nested(inside))) is None
    assert reason(raw_message("unknown", nested(inside + 1))) is Reason.NOT_JSON
    assert reason(raw_message("locale", nested(inside))) is Reason.WRONG_TYPE
    assert reason(raw_message("locale", nested(inside + 1))) is Reason.NOT_JSON
    assert reason(nested(DEEPEST_NESTING).encode()) is Reason.NOT_AN_OBJECT
    assert reason(nested(DEEPEST_NESTING + 1).encode()) is Reason.NOT_JSON
    objects = '{"a":' * (inside + 1) + "1" + "}" * (inside + 1)
    assert reason(raw_message("unknown", objects)) is Reason.NOT_JSON


@pytest.mark.parametrize(
    "raw",
    [
        '"' + "[{" * DEEPEST_NESTING + '"',
        '"' + '\\"[{' * DEEPEST_NESTING + '"',
        '"\\\\", "more": "' + '\\\\\\"[' * DEEPEST_NESTING + '\\\\"',
        "[" + "[]," * DEEPEST_NESTING + "[{}]]",
        "[" + '["]"],' * DEEPEST_NESTING + "[]]",
    ],
)
def test_brackets_that_do_not_nest_are_no_levels(raw: str) -> None:
    """In a text or side by side there may be any number of them."""
    assert reason(raw_message("unknown", raw)) is None


def test_brackets_in_texts_close_no_levels() -> None:
    """Levels are counted as the parser sees them."""
    deep = '["]\\"]",' * DEEPEST_NESTING + "1" + "]" * DEEPEST_NESTING
    assert reason(raw_message("unknown", deep)) is Reason.NOT_JSON


def test_a_nearly_full_stack_is_no_exception() -> None:
    """Where Python's own limit comes first, the message is rejected all the same."""
    value = raw_message("unknown", nested(DEEPEST_NESTING - 1))

    def descend(levels: int) -> Login | Reject:
        return decode(value, NOW_MS) if levels == 0 else descend(levels - 1)

    result = descend(sys.getrecursionlimit() - _stack_depth() - 100)
    assert isinstance(result, Login) or result.reason is Reason.NOT_JSON


def _stack_depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth
