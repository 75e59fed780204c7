from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.profiles import NetworkProfile, UserProfile, decode_sketch, encode_sketch

users = st.lists(st.integers(0, 300).map(str), max_size=400)

EXACT = 100  # values of a subject, as docs/alerts.md promises


def network(names: list[str]) -> NetworkProfile:
    """Return the profile of a network with these users."""
    made = NetworkProfile()
    for name in names:
        made.add(name)
    return made


@given(users, users)
def test_size_depends_on_the_set_of_users_only(ones: list[str], others: list[str]) -> None:
    """However they are ordered or grouped: exact up to 100, and near the truth beyond."""
    merged = network(ones)
    merged.merge(network(others))
    both = sorted({*ones, *others}, reverse=True)
    assert merged.size() == network(both).size()
    exact = len(both)
    assert merged.size() == exact if exact <= EXACT else abs(merged.size() - exact) <= 0.02 * exact


def test_network_is_bounded() -> None:
    """A million users take no more than their sketch."""
    made = network([str(number) for number in range(20_000)])
    assert len(made.named) == EXACT + 1
    assert abs(made.size() - 20_000) < 600


@pytest.mark.parametrize("count", [3, 500])
def test_network_survives_the_recovery_store(count: int) -> None:
    """Small or large, and continues as if nothing had happened."""
    before = network([str(number) for number in range(count)])
    data = msgspec.msgpack.encode(before, enc_hook=encode_sketch)
    after = msgspec.msgpack.decode(data, type=NetworkProfile, dec_hook=decode_sketch)
    for one in (before, after):
        one.add("another")
    assert after.size() == before.size()
    assert after.sample(10) == before.sample(10)


def test_network_without_room_counts_on_without_names() -> None:
    """As one that has room does, whether it is merged or saved in between."""
    one, other = NetworkProfile(), NetworkProfile()
    more = [one.add(f"u{number % 60}", room=number < 40) for number in range(200)]
    assert (sum(more), one.names, one.size()) == (40, 40, 60)
    more = [other.add(f"u{number}", room=False) for number in range(50, 90)]
    assert (sum(more), other.names, other.size()) == (0, 0, 40)
    data = msgspec.msgpack.encode(one, enc_hook=encode_sketch)
    merged = msgspec.msgpack.decode(data, type=NetworkProfile, dec_hook=decode_sketch)
    merged.merge(other)
    assert (merged.names, merged.size()) == (40, 90)
    named = network(["u1", "u50"])
    named.merge(other)
    assert (named.names, named.size()) == (2, 41)


def test_user_profile_without_room_takes_no_new_names() -> None:
    """What they already have is still counted."""
    been = UserProfile()
    assert been.add("a", "NY") == 2
    assert been.add("b", "FR", room=False) == 0
    assert been.add("a", "NY", room=False) == 0
    assert (been, been.names) == (UserProfile({"a": 2}, {"NY": 2}), 2)


def test_user_profile_keeps_the_first_hundred_of_each() -> None:
    """And count on those."""
    random = Random(1)  # noqa: S311 - test data
    been = UserProfile()
    for number in range(1_000):
        been.add(f"n{number % 200}", f"l{random.randint(0, 300)}")
    assert len(been.networks) == len(been.locales) == EXACT
    assert set(been.networks.values()) == {5}


def test_user_profiles_of_two_parts_are_added_up() -> None:
    """Neither of them changes what isn't known."""
    one, other = UserProfile(), UserProfile()
    one.add("a", "NY")
    other.add("a", None)
    other.add(None, "FR")
    one.merge(other)
    assert one == UserProfile({"a": 2}, {"NY": 1, "FR": 1})
    assert other == UserProfile({"a": 1}, {"FR": 1})
