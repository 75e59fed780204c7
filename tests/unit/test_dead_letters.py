"""Dead letters: their headers, and how they fit the broker's limit."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from connectors.dead_letters import dead_letter_headers, fit
from records import DeadLetter, Headers

LETTER = DeadLetter(
    offset=17,
    timestamp=1_720_000_000_123,
    key=b"key",
    value=b"value",
    headers=[("trace", b"\xff\x00"), ("dlq.reason", b"older"), ("trace", None)],
    reason="not_json",
    detail="the value is no JSON",
)


def test_headers_are_the_original_ones_and_ours() -> None:
    """Original headers stay in order, older dead-letter headers are replaced."""
    assert dead_letter_headers(LETTER, "in", 3) == [
        ("trace", b"\xff\x00"),
        ("trace", None),
        ("dlq.reason", b"not_json"),
        ("dlq.detail", b"the value is no JSON"),
        ("dlq.topic", b"in"),
        ("dlq.partition", b"3"),
        ("dlq.offset", b"17"),
        ("dlq.timestamp", b"1720000000123"),
    ]


def test_a_letter_that_fits_is_untouched() -> None:
    """Nothing is cut without need."""
    headers = dead_letter_headers(LETTER, "in", 3)
    assert fit(LETTER, headers, 1_000) == (LETTER, headers)


@given(
    key=st.none() | st.integers(0, 3_000).map(lambda size: b"k" * size),
    value=st.none() | st.integers(0, 5_000).map(lambda size: b"v" * size),
    extra=st.integers(0, 3_000),
)
def test_whatever_its_size_a_letter_fits_and_keeps_its_reason(
    key: bytes | None, value: bytes | None, extra: int
) -> None:
    """Cut or not, key and value begin as they did, the size is within the limit, ours stay."""
    limit = 2_000
    letter = replace(LETTER, key=key, value=value, headers=[("h", b"x" * extra)])
    cut, headers = fit(letter, dead_letter_headers(letter, "in", 3), limit)
    assert (key is None) == (cut.key is None)
    assert (value is None) == (cut.value is None)
    assert (key or b"").startswith(cut.key or b"")
    assert (value or b"").startswith(cut.value or b"")
    assert _bytes(cut, headers) <= limit
    assert dict(headers)["dlq.reason"] == b"not_json"
    changed = (cut.key, cut.value) != (key, value) or "h" not in dict(headers)
    assert changed == ("dlq.truncated" in dict(headers))


def _bytes(letter: DeadLetter, headers: Headers) -> int:
    parts = [letter.key, letter.value, *(value for _, value in headers)]
    return sum(len(part or b"") for part in parts) + sum(len(name) for name, _ in headers)


def test_headers_that_can_not_be_read_are_said_to_be_left_out() -> None:
    """A header whose name is not text, which no client can hand on, isn't left out in silence."""
    headers = dead_letter_headers(replace(LETTER, headers=None), "in", 3)
    assert dict(headers)["dlq.truncated"] == b"headers"
    assert "dlq.reason" in dict(headers)
