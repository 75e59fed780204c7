"""An example of a dead letter gives nothing away, in whatever disguise an address comes."""

import base64
import json
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.unreadable import REASONS
from dlq.masking import VOCABULARY, excerpt, shown_detail, shown_reason
from operators.batches import Reason, Reject
from operators.decode import decode_batch
from operators.enrich import enrich_batch
from operators.processed import read_processed
from producer.hostile import hostile_messages
from records import RecordBatch

HEXADECIMAL = set("0123456789abcdef")
Address = IPv4Address | IPv6Address

IPV4 = st.ip_addresses(v=4)
IPV6 = st.ip_addresses(v=6)
MAPPED = IPV4.map(lambda address: IPv6Address(f"::ffff:{address}"))
SIX_TO_FOUR = IPV4.map(lambda address: IPv6Address((0x2002 << 112) | (int(address) << 80)))
EMBEDDED = st.sampled_from(["::", "::1", "fe80::1", "64:ff9b::c633:6407"]).map(ip_address)
ADDRESSES = st.one_of(IPV4, IPV6, MAPPED, SIX_TO_FOUR, EMBEDDED)


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in text)


def _mapped_dotted(address: Address) -> str:
    return f"::ffff:{address}" if address.version == 4 else f"{address}"


SPELLINGS: dict[str, Callable[[Address], str]] = {
    "canonical": str,
    "exploded": lambda address: address.exploded,
    "capitals": lambda address: address.exploded.upper(),
    "escaped": lambda address: _escaped(str(address)),
    "escaped_in_part": lambda address: _escaped(str(address)[:1]) + str(address)[1:],
    "zone_id": lambda address: f"{address}%eth0",
    "port": lambda address: f"[{address}]:8080",
    "prefix": lambda address: f"{address}/24",
    "mapped": _mapped_dotted,
    "integer": lambda address: str(int(address)),
    "hexadecimal": lambda address: hex(int(address)),
    "reversed_name": lambda address: address.reverse_pointer,
    "spaced": lambda address: " ".join(str(address)),
    "fullwidth": lambda address: _fullwidth(str(address)),
    "base64": lambda address: base64.b64encode(str(address).encode()).decode(),
    "url": lambda address: f"https://{address}/?a=1&ip={str(address).replace(':', '%3A')}",
}
DOCUMENTS: dict[str, Callable[[str], str]] = {
    "ip": lambda text: f'{{"user_id": "u-1", "ip": "{text}", "timestamp": 1720000000}}',
    "other_field": lambda text: f'{{"user_id": "{text}", "locale": "{text}"}}',
    "name": lambda text: f'{{"{text}": {{"user_id": 1}}}}',
    "nested": lambda text: f'{{"user_id": {{"session": [["{text}"], {{"at": "{text}"}}]}}}}',
    "number": lambda text: f'{{"ip": {text}}}',
    "broken": lambda text: f'{{"user_id": "a, "ip": "{text}',
    "torn": lambda text: f'"ip": "{text[:-1]}',
    "no_json": lambda text: f"login from {text} at noon",
    "bare": lambda text: text,
    "twice_encoded": lambda text: json.dumps(json.dumps({"ip": text})),
}


@given(
    address=ADDRESSES,
    spelling=st.sampled_from(sorted(SPELLINGS)),
    document=st.sampled_from(sorted(DOCUMENTS)),
    before=st.binary(max_size=12),
    after=st.binary(max_size=12),
)
def test_no_address_is_ever_in_an_excerpt(
    address: Address, spelling: str, document: str, before: bytes, after: bytes
) -> None:
    """Whatever its spelling and wherever it stands, no address passes; no digit does at all."""
    text = SPELLINGS[spelling](address)
    assume(text != ": :")  # what is left of "::" in this spelling says nothing
    shown = excerpt(before + DOCUMENTS[document](text).encode() + after)
    for raw in (text, str(address), address.exploded, _mapped_dotted(address)):
        assert raw.lower() not in shown.lower()
    assert not any(character.isnumeric() for character in shown)
    assert "::" not in shown


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(str.encode)))
def test_an_excerpt_is_short_printable_ascii(value: bytes) -> None:
    """No control character, escape sequence or odd character reaches a terminal."""
    shown = excerpt(value)
    assert shown.isascii()
    assert shown.isprintable() or not shown
    assert len(shown) <= 2 * 160 + 3  # what can't be printed takes two characters


def test_nothing_that_is_kept_can_be_a_piece_of_an_address() -> None:
    """Each known word has a letter that no hexadecimal number has."""
    for word in VOCABULARY.split("|"):
        assert set(word) - HEXADECIMAL, word


def test_an_excerpt_shows_what_is_wrong_and_no_value() -> None:
    """Fields, types, lengths and punctuation stay; a misnamed field can be recognised."""
    value = b'{"userId": "alice-7", "ip": "203.0.113.77 ", "timestamp": true, "bob": null}'
    shown = '{"userId": "xxxxx-#", "ip": "###.#.###.## ", "timestamp": true, "xxx": null}'
    assert excerpt(value) == shown


def test_what_can_not_be_printed_is_escaped() -> None:
    """Control characters, bytes that are no UTF-8 and other characters have a sign each."""
    assert (
        excerpt(b"\x1b[31m\n\xff\xfe \xe2\x82\xac \xc3\xa9 \xe2\x80\xae") == r"\?[##x\?\?\? * x \?"
    )


def test_a_long_value_is_cut_and_says_so() -> None:
    """However long the value, the excerpt is short."""
    assert excerpt("é".encode() * 160) == "x" * 160
    assert excerpt("é".encode() * 161) == "x" * 160 + "..."
    assert excerpt(b"\xf0\x9f\x9a\x80" * 500_000) == "*" * 160 + "..."


def test_the_flows_own_details_are_shown_as_they_are() -> None:
    """Whatever the login flow rejects a message for, its sentence is printed word for word."""
    now = 1_720_000_000
    messages = hostile_messages(now)
    times = [message.record_timestamp_ms or now * 1_000 for message in messages]
    values = [message.value for message in messages]
    batch = RecordBatch("in", 0, 0, len(values), range(len(values)), times, values, [])
    rejects = [reject for _, reject in enrich_batch(decode_batch(batch)).rejects]
    assert len({reject.reason for reject in rejects}) > 5
    for reject in rejects:
        assert shown_detail(reject.detail) == reject.detail


@pytest.mark.parametrize(
    "value", [None, b"{}", b"\xff", b'{"user_id": "u", "timestamp": -1}', b"[" * 10_000]
)
def test_the_details_of_the_security_flow_are_shown_as_they_are(value: bytes | None) -> None:
    """Its dead letters are shown by the same command."""
    reject = read_processed(value)
    assert isinstance(reject, Reject)
    assert shown_detail(reject.detail) == reject.detail


@pytest.mark.parametrize(
    "detail",
    [
        "ip is neither an IPv4 nor an IPv6 address",
        "timestamp is neither seconds from 1970 to 9999 nor ISO 8601 (2000 to 9999, UTF-8), 1",
        "the input function raised UnicodeDecodeError at byte 1048576",
    ],
)
def test_names_of_standards_and_years_are_not_taken_for_an_address(detail: str) -> None:
    """They are shown, however many of them a sentence has."""
    assert shown_detail(detail) == detail


def test_the_offsets_of_a_batch_that_cannot_be_read_are_shown() -> None:
    """However large they are: where the record was is shown anyway, and so is the reason."""
    for reason in REASONS.values():
        detail = f"offsets 123456789012 to 123456789999: the batch can't be read: {reason}"
        assert shown_detail(detail) == detail


@pytest.mark.parametrize(
    "forged",
    [
        "ip is 198.51.100.7",
        "198 51 100 7",
        "at fe80::1.",
        "dead:beef::",
        "3325256711",
        "a\x1b[2Jb",
        "x-198 x-51 x-100 x-7",
        "198, 51, 100 and 7",
        "2001 4860 4860 8888",
        "at fe80 port",
        "16777216",
    ],
)
def test_a_forged_detail_gives_nothing_away(forged: str) -> None:
    """Who else writes to the topic can't bring an address or an escape sequence to a terminal."""
    shown = shown_detail(forged)
    assert not any(character.isnumeric() for character in shown)
    assert "::" not in shown
    assert "dead" not in shown
    assert shown.isprintable()


def test_a_reason_is_a_word_or_is_not_shown() -> None:
    """The flow's reasons pass, anything else doesn't."""
    assert [shown_reason(reason) for reason in Reason] == list(Reason)
    for forged in ("", "198.51.100.7", "a b", "A", "x" * 41, "not_json\n"):
        assert shown_reason(forged) == "(none)"


def test_a_forged_detail_of_any_length_is_cut() -> None:
    """Also one that begins over and over as the flow's own does."""
    shown = shown_detail("offsets 1 to 2: " * 100_000)
    assert shown.startswith("offsets 1 to 2: ")
    assert len(shown) < 250
