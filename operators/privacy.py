"""What tells one user from another, taken out: addresses masked, ids under a pseudonym."""

import hmac
import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address, IPv6Address

__all__ = ["mask_address", "pseudonyms"]

# Dotted decimal as RFC 3986, 3.2.2 (dec-octet): a leading zero would mean octal to some readers.
OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_match_ipv4 = re.compile(rf"({OCTET}\.{OCTET}\.{OCTET}\.){OCTET}").fullmatch
# A global unicast address (RFC 4291, 2.4) with all of its groups, in canonical form as far as its
# first 48 bits (RFC 5952), as most clients' are written; not a 6to4 one. Others take the long way.
GROUP = "[1-9a-f][0-9a-f]{0,3}"
_match_global_ipv6 = re.compile(
    rf"((?!2002)[23][0-9a-f]{{3}}:{GROUP}:{GROUP}:)(?:[0-9a-fA-F]{{1,4}}:){{4}}[0-9a-fA-F]{{1,4}}"
).fullmatch
_match_ipv4_with_port = re.compile(r"([0-9.]+):([0-9]{1,5})").fullmatch
_match_ipv6_with_port = re.compile(r"\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]+)\]:([0-9]{1,5})").fullmatch
LAST_PORT = 65_535

KEY_ID_DIGITS = 8
KEY_ID_LABEL = b"\x00key id"  # an id of this text, whose pseudonym began alike, does no harm
IPV4_HOST_BITS = 8  # of 32: /24 is left
IPV6_HOST_BITS = 80  # of 128: /48 is left, what a site usually has (RFC 6177)


def mask_address(text: str) -> str | None:
    """Return the address of the network that an address lies in: IPv4 to /24, IPv6 to /48.

    IPv4-mapped addresses (RFC 4291, 2.5.5.2) and 6to4 ones (RFC 3056) are masked as the IPv4
    address in them: their own first 48 bits would leave it whole. The result is in canonical form
    (RFC 5952). Addresses are read by Python's code alone, so each platform takes the same ones.

    Args:
        text: an IPv4 address in dotted decimal, or an IPv6 address without a zone id; perhaps with
            a port (the IPv6 address then in brackets), with space around it, or as the first of
            a list with commas, as proxies write it. None is returned for any other text.
    """
    if match := _match_ipv4(text):
        return match[1] + "0"
    if match := _match_global_ipv6(text):
        return match[1] + ":"
    return _mask_unusual(_without_port(text.partition(",")[0].strip()))


def _mask_unusual(text: str) -> str | None:
    """Mask an address in whatever spelling."""
    if match := _match_ipv4(text):
        return match[1] + "0"
    address = _read_ipv6(text)
    if address is None:
        return None
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return str(IPv4Address(int(inner) >> IPV4_HOST_BITS << IPV4_HOST_BITS))
    return str(IPv6Address(int(address) >> IPV6_HOST_BITS << IPV6_HOST_BITS))


def _without_port(text: str) -> str:
    """Return the address before a port; the text itself if it isn't such a pair."""
    match = _match_ipv4_with_port(text) or _match_ipv6_with_port(text)
    return match[1] if match and int(match[2]) <= LAST_PORT else text


def _read_ipv6(text: str) -> IPv6Address | None:
    """Read an IPv6 address (RFC 4291, 2.2), but none with a zone id (RFC 4007, 11)."""
    if "%" not in text:
        with suppress(AddressValueError):
            return IPv6Address(text)
    return None


def pseudonyms(key: str) -> Callable[[str], str]:
    """Return a function that gives an id its pseudonym: the same for the same id and key.

    A pseudonym is `KEYID:HMAC`, both in hexadecimal: HMAC-SHA-256 (RFC 2104) of the id, and the
    first 8 digits of one of the key's own name, which tells the pseudonyms of different keys apart
    and doesn't give the key away.

    Args:
        key: secret, and long enough that it can't be guessed.
    """
    secret = key.encode()
    key_id = hmac.digest(secret, KEY_ID_LABEL, "sha256").hex()[:KEY_ID_DIGITS]

    def pseudonym(identity: str) -> str:
        return f"{key_id}:{hmac.digest(secret, identity.encode(), 'sha256').hex()}"

    return pseudonym
