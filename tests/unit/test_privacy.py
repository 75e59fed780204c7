# ruff: noqa: RUF001 - digits that look like others are what is tested here
import hmac
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from operators.privacy import mask_address, pseudonyms

ipv4 = st.ip_addresses(v=4).filter(lambda address: isinstance(address, IPv4Address))
ipv6 = st.ip_addresses(v=6)
# The groups of a global unicast address, zeros among them more often than by chance.
group = st.sampled_from([0, 1, 0xDB8]) | st.integers(0, 0xFFFF)
whole_ipv6 = st.tuples(st.integers(0x2000, 0x3FFF), *(7 * [group]))
# Texts near an address; the other digits are Arabic, full-width and superscript.
near_misses = st.text(alphabet="0123459afAF.:/%x -٣１²\n\0", max_size=24) | st.lists(
    st.sampled_from(["0", "1", "01", "255", "256", "ffff", "", "1.2.3.4", "12345", "g"]), max_size=9
).flatmap(lambda parts: st.sampled_from([".".join(parts), ":".join(parts)]))


def network(text: str) -> str:
    """The masked address as the standard library would make it."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None:
            return str(ip_network(f"{address}/48", strict=False).network_address)
        address = inner
    return str(ip_network(f"{address}/24", strict=False).network_address)


def in_ipv6(prefix: str, address: IPv4Address, rest: int) -> str:
    """An IPv6 address with that IPv4 address behind the prefix, and further bits behind it."""
    shift = 128 - 32 - int(ip_network(prefix).prefixlen)
    number = int(ip_network(prefix).network_address) | int(address) << shift
    return str(IPv6Address(number | rest & ((1 << shift) - 1)))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - an address in a record, nothing listens on it
        ("255.255.255.255", "255.255.255.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:0DB8:0001::ABCD", "2001:db8:1::"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:0:1:2::", "2001:0:1::"),
        ("0:0:1:2::", "0:0:1::"),
        ("::1", "::"),
        ("fe80::1", "fe80::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("::FFFF:cb00:714d", "203.0.113.0"),
        ("2002:cb00:714d::1", "203.0.113.0"),
        ("64:ff9b::203.0.113.77", "64:ff9b::"),
        ("203.0.113.77:0", "203.0.113.0"),
        ("203.0.113.77:65535", "203.0.113.0"),
        ("[2001:db8:1::7]:443", "2001:db8:1::"),
        ("[::ffff:203.0.113.77]:00443", "203.0.113.0"),
        (" 203.0.113.77\r\n", "203.0.113.0"),
        ("\t2001:db8:1::7 ", "2001:db8:1::"),
        ("203.0.113.77,", "203.0.113.0"),
        ("203.0.113.77, 10.0.0.1,unknown", "203.0.113.0"),
        (" [2001:db8:1::7]:443 , 203.0.113.77:80", "2001:db8:1::"),
        ("203.0.113.77" + ", 10.0.0.1" * 100_000, "203.0.113.0"),
    ],
)
def test_address_is_masked(text: str, masked: str) -> None:
    """IPv4 to /24, IPv6 to /48, IPv4 in IPv6 as IPv4, each in its canonical form."""
    assert mask_address(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "01.2.3.4", "1.2.3.04", "00.0.0.0", "0x7f.0.0.1", "2130706433", "1.2.3",
        "1.2.3.4.5", "1..2.3", "1.2.3.256", "1.2.3.-4", "1.2.3.0/24", "1.2. 3.4", "1.2.3.4\0",
        "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:100000", "1.2.3.4:-1", "1.2.3.4:٣", "1.2.3.4 :80",
        "1.2.3.4:80:80", ":80", "01.2.3.4:80", ", 1.2.3.4", "unknown, 1.2.3.4", "1.2.3.4 5.6.7.8",
        "1.2.3.4;5.6.7.8", "[1.2.3.4]:80", "[::1]:", "[::1]:65536", "[::1]443", "[ ::1]:443",
        "[fe80::1%eth0]:443", "::1]:443", "[::1", "[]:80", "[:]:80",
        "١.٢.٣.٤", "１.2.3.4", "localhost", "fe80::1%eth0",
        "fe80::1%1", "fe80::1%", "::ffff:1.2.3.4%eth0", "[::1]", "::1/128", ":::", "1::2::3",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "12345::", "::g", "::ffff:1.2.3.256",
        "::ffff:01.2.3.4", "1" * 900_000, ":" * 900_000, "1." * 450_000,
    ],
)  # fmt: skip
def test_what_is_no_address_has_no_network(text: str) -> None:
    """One strict reading on every platform."""
    assert mask_address(text) is None


@given(
    ipv4.map(str)
    | ipv6.map(str)
    | ipv6.map(lambda address: address.exploded.upper())
    | whole_ipv6.map(lambda groups: ":".join(f"{group:x}" for group in groups))
    | whole_ipv6.map(lambda groups: ":".join(f"{group:03X}" for group in groups))
)
@settings(max_examples=1_000)
def test_any_address_is_masked_as_the_standard_library_would(text: str) -> None:
    """However the address is spelled."""
    assert mask_address(text) == network(text)


@given(ipv4, st.integers(0, 2**80 - 1))
def test_an_ipv4_address_in_ipv6_is_masked_as_ipv4(address: IPv4Address, rest: int) -> None:
    """IPv4-mapped (RFC 4291) and 6to4 (RFC 3056): /48 would leave all of it."""
    masked = mask_address(str(address))
    assert mask_address(in_ipv6("::ffff:0:0/96", address, 0)) == masked
    assert mask_address(f"::ffff:{address}") == masked
    assert mask_address(in_ipv6("2002::/16", address, rest)) == masked


@given(ipv4 | ipv6, st.data())
def test_the_host_part_does_not_survive(
    address: IPv4Address | IPv6Address, data: st.DataObject
) -> None:
    """All addresses of a network are masked as the same one, so the result can't tell them."""
    host_bits = 8 if address.version == 4 else 80
    host = data.draw(st.integers(0, (1 << host_bits) - 1))
    other = ip_address((int(address) ^ host).to_bytes(len(address.packed), "big"))
    # One network, ::/48, has the IPv4-mapped addresses in it, which are masked as IPv4.
    assume({getattr(each, "ipv4_mapped", None) for each in (address, other)} == {None})
    assert mask_address(str(other)) == mask_address(str(address))


@given(near_misses | near_misses.map(lambda text: f"2001:1:2:3:4:{text}") | st.text())
@settings(max_examples=2_000)
def test_any_text_is_an_address_exactly_if_the_standard_library_says_so(text: str) -> None:
    """Zone ids aside, which name an interface of the sender's machine."""
    assume(not {",", "[", "]"}.intersection(text) and text.count(":") != 1)
    try:
        expected = None if "%" in text else network(text.strip())
    except ValueError:
        expected = None
    assert mask_address(text) == expected
    assert expected is None or mask_address(expected) == expected


spaces = st.text(alphabet=" \t\r\n", max_size=3)
ports = st.integers(0, 65_535)


@given(ipv4 | ipv6, ports, spaces, spaces, st.none() | st.text())
def test_any_address_may_have_a_port_space_around_it_and_others_behind_it(
    address: IPv4Address | IPv6Address, port: int, before: str, after: str, others: str | None
) -> None:
    """As proxies write it: the list's first is the client, and the rest isn't looked at."""
    with_port = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
    rest = "" if others is None else f",{others}"
    for text in (str(address), with_port):
        assert mask_address(f"{before}{text}{after}{rest}") == network(str(address))


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_pseudonym_is_the_same_for_the_same_id_only(one: str, other: str) -> None:
    """Users can still be counted and told apart."""
    pseudonym = pseudonyms("k" * 32)
    assert pseudonym(one) == pseudonym(one)
    assert (pseudonym(one) == pseudonym(other)) == (one == other)


def test_a_pseudonym_is_the_keyed_hash_behind_the_keys_id() -> None:
    """Whoever has the key can compute it with any tool; the key's id tells which key it was."""
    key = "k" * 32
    key_id, _, digest = pseudonyms(key)("user-1").partition(":")
    assert digest == hmac.new(key.encode(), b"user-1", "sha256").hexdigest()
    assert len(key_id) == 8


def test_pseudonyms_of_different_keys_have_nothing_in_common() -> None:
    """Another key gives another key id and another hash."""
    one, other = pseudonyms("a" * 32)("user-1"), pseudonyms("b" * 32)("user-1")
    assert not set(one.split(":")) & set(other.split(":"))
