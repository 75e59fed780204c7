"""What names are kept as: themselves, or if they are long their digests."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.names import LONGEST_NAME, kept_name, kept_names
from operators.privacy import pseudonyms

LONGEST_KEPT = 80  # bytes: what docs/alerts.md says
near_the_limit = st.integers(LONGEST_NAME - 3, LONGEST_NAME + 8).map(lambda length: "x" * length)
names = st.text() | near_the_limit | near_the_limit.map(lambda name: name[:-2] + "\u00e9")


@pytest.mark.parametrize(
    "name", ["", "user-1", "203.0.113.0", "x" * 73, "\u00e9" * 36, pseudonyms("k" * 32)("user")]
)
def test_a_name_of_up_to_73_bytes_is_kept_as_it_is(name: str) -> None:
    """As are all ids that leave the login flow with USER_ID_KEY."""
    assert kept_name(name) == name


@pytest.mark.parametrize("name", ["x" * 74, "\u00e9" * 37, "\U0001f600" * 250, "x" * 10_000_000])
def test_a_longer_one_is_kept_as_its_digest_and_length(name: str) -> None:
    """Of its UTF-8, so that anybody can tell which name it was, in bounded memory."""
    encoded = name.encode()
    kept = kept_name(name)
    assert kept == f"sha256:{sha256(encoded).hexdigest()}:{len(encoded)}"
    assert len(kept.encode()) <= LONGEST_KEPT


@given(names, names)
def test_two_names_stay_two(one: str, other: str) -> None:
    """Also if one of them looks like the digest of the other."""
    for second in (other, kept_name(one)):
        assert (kept_name(one) == kept_name(second)) == (one == second)


@given(st.lists(names))
def test_many_names_are_kept_as_each_by_itself(some: list[str]) -> None:
    """How a batch is cut changes no name."""
    assert list(kept_names(some)) == list(map(kept_name, some))
