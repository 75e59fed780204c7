"""Faults of the message as a whole: `tombstone`, `not_json` and `not_an_object`."""

import json
from collections.abc import Iterator
from dataclasses import replace

from producer.hostile._build import (
    HOSTILE_RECORD_BYTES,
    TEXT_FIELDS,
    Headers,
    HostileMessage,
    dead_letter,
    login,
    login_raw,
)

DEEPEST = 512  # levels, counting the login's own object as the first
# These two can't be passed on as they are: librdkafka takes 1,000,000 bytes by default, before
# compression, while the broker measures a batch after it.
NEAR_BROKER_LIMIT = 1_040_000
UNPACKS_TO = 5_000_000

NOT_UTF8 = {
    "lone_continuation_byte": b"\x80",
    "cut_off_character": b"\xe2\x82",
    "overlong_slash": b"\xc0\xaf",
    "surrogate_as_bytes": b"\xed\xa0\x80",
    "beyond_unicode": b"\xf4\x90\x80\x80",
    "latin_1": "é".encode("latin-1"),
}
# Where a login's locale, or a field that nobody knows, would stand.
NOT_JSON_VALUES = {
    "nan": "NaN",
    "infinity": "Infinity",
    "minus_infinity": "-Infinity",
    "number_too_big": "1e999",
    "negative_number_too_big": "-1E+999",
    "nested_number_too_big": '{"a": [1, 1e999]}',
    "leading_zero": "01",
    "plus_sign": "+1",
    "no_digit_before_the_point": ".5",
    "no_digit_after_the_point": "1.",
    "hexadecimal": "0x10",
    "bare_word": "NY",
    "python_none": "None",
    "single_quotes": "'NY'",
    "nothing": "",
    "comment": '/* NY */ "NY"',
    "raw_newline_in_text": '"N\nY"',
    "raw_nul_in_text": '"N\0Y"',
    "unknown_escape": r'"\x41"',
    "half_an_escape": r'"\u00"',
    "trailing_comma_in_array": "[1,]",
}
NOT_OBJECTS = {
    "array": b"[]",
    "text": b'"login"',
    "number": b"42",
    "fraction": b"1.5",
    "null": b"null",
    "boolean": b"true",
}
LONE_SURROGATES = {"high": r'"\ud800"', "low": r'"\udc00"', "swapped_pair": r'"\udc00\ud800"'}

NOT_UTF8_HEADERS: Headers = (("trace", b"\xff\xfe\x80"), ("", b""), ("trace", b"again"))
OLD_DEAD_LETTER: Headers = (
    ("dlq.reason", b"invalid_ip"),
    ("dlq.offset", b"17"),
    ("trace", b"kept"),
)


def json_faults(now: int) -> Iterator[HostileMessage]:
    """Messages that don't hold a JSON object."""
    yield dead_letter("tombstone", "tombstone", None)
    yield from _not_utf8(now)
    yield from _not_json(now)
    yield from _too_deep(now)
    yield from _lone_surrogates(now)
    yield from _not_objects(now)
    yield from _headers_and_sizes()


def _not_utf8(now: int) -> Iterator[HostileMessage]:
    good = login("not_utf8", now)
    for kind, raw in NOT_UTF8.items():
        for field in ("locale", "unknown_field"):
            name = f"{kind}_in_{field}"
            yield dead_letter(name, "not_json", login_raw(name, now, field, b'"' + raw + b'"'))
    yield dead_letter("not_utf8_in_a_name", "not_json", good.replace(b"locale", b"\xff\xfe", 1))
    yield dead_letter("not_utf8_at_all", "not_json", bytes(range(256)))
    yield dead_letter("two_byte_order_marks", "not_json", b"\xef\xbb\xbf" * 2 + good)
    yield dead_letter("byte_order_mark_alone", "not_json", b"\xef\xbb\xbf")
    yield dead_letter("byte_order_mark_behind", "not_json", good + b"\xef\xbb\xbf")
    yield from _registry_headers(good)
    yield dead_letter("utf16", "not_json", good.decode().encode("utf-16"))
    yield dead_letter("utf16_without_bom", "not_json", good.decode().encode("utf-16-le"))
    yield dead_letter("utf32", "not_json", good.decode().encode("utf-32"))


def _registry_headers(good: bytes) -> Iterator[HostileMessage]:
    """The five bytes that a schema registry's serializer writes, with something else than JSON."""
    header = b"\0\0\0\0\7"
    for kind, payload in {
        "alone": b"",
        "twice": header + good,
        "and_avro": b"\x16593-47-5928\x0a2.3.0",
        "and_protobuf": b"\0\x0a\x0b593-47-5928",
        "and_broken_json": good[:-1],
        "of_nine_bytes": b"\0\0\0\7" + good,
    }.items():
        yield dead_letter(f"registry_header_{kind}", "not_json", header + payload)
    yield dead_letter(
        "registry_header_after_a_byte_order_mark", "not_json", b"\xef\xbb\xbf" + header + good
    )
    yield dead_letter("registry_header_of_another_magic", "not_json", b"\1" + header[1:] + good)


def _not_json(now: int) -> Iterator[HostileMessage]:
    good = login("not_json", now)
    yield dead_letter("empty", "not_json", b"")
    yield dead_letter("only_spaces", "not_json", b" \t\r\n")
    yield dead_letter("only_a_nul", "not_json", b"\0")
    yield dead_letter("nul_behind", "not_json", good + b"\0")
    yield dead_letter("cut_short", "not_json", good[: len(good) // 2])
    yield dead_letter("last_brace_missing", "not_json", good[:-1])
    yield dead_letter("one_brace_too_many", "not_json", good + b"}")
    yield dead_letter("two_logins_in_one", "not_json", good + good)
    yield dead_letter("trailing_comma", "not_json", good[:-1] + b",}")
    yield dead_letter("name_without_quotes", "not_json", good.replace(b'"locale"', b"locale"))
    yield dead_letter("plain_text", "not_json", b"user 593-47-5928 logged in")
    yield dead_letter("python_repr", "not_json", repr(json.loads(good)).encode())
    yield dead_letter("xml", "not_json", b"<login><user_id>1</user_id></login>")
    for kind, raw in NOT_JSON_VALUES.items():
        for field in ("locale", "unknown_field"):
            name = f"{kind}_in_{field}"
            yield dead_letter(name, "not_json", login_raw(name, now, field, raw))
    name = "number_too_big_as_timestamp"
    yield dead_letter(name, "not_json", login_raw(name, now, "timestamp", "1e999"))


def _too_deep(now: int) -> Iterator[HostileMessage]:
    for levels in (DEEPEST + 1, 1_000, 100_000):
        for field in ("locale", "unknown_field"):
            name = f"{levels}_levels_in_{field}"
            value = login_raw(name, now, field, nested(levels - 1))
            yield dead_letter(name, "not_json", value)
    yield dead_letter("deep_array_without_a_login", "not_json", nested(100_000).encode())
    yield dead_letter("deep_array_never_closed", "not_json", b"[" * 100_000)
    objects = '{"a":' * 100_000 + "1" + "}" * 100_000
    yield dead_letter(
        "deep_objects", "not_json", login_raw("deep_objects", now, "unknown_field", objects)
    )


def _lone_surrogates(now: int) -> Iterator[HostileMessage]:
    for field in (*TEXT_FIELDS, "timestamp"):
        for kind, raw in LONE_SURROGATES.items():
            name = f"lone_surrogate_{kind}_in_{field}"
            yield dead_letter(name, "not_json", login_raw(name, now, field, raw))
    name = "lone_surrogate_before_wrong_type"
    value = login_raw(name, now, "locale", r'"\ud800"').replace(b'"android"', b"7")
    yield dead_letter(name, "not_json", value)
    name = "lone_surrogate_before_too_large"
    raw = r'"\ud800' + "x" * 2_000 + '"'
    yield dead_letter(name, "not_json", login_raw(name, now, "locale", raw))


def _not_objects(now: int) -> Iterator[HostileMessage]:
    good = login("not_an_object", now)
    for kind, raw in NOT_OBJECTS.items():
        yield dead_letter(f"{kind}_instead_of_object", "not_an_object", raw)
    yield dead_letter("login_in_an_array", "not_an_object", b"[" + good + b"]")
    yield dead_letter("login_in_a_text", "not_an_object", json.dumps(good.decode()).encode())
    yield dead_letter("array_of_512_levels", "not_an_object", nested(DEEPEST).encode())


def _headers_and_sizes() -> Iterator[HostileMessage]:
    """Dead letters that are hard to pass on, each with a fault that is easy to see."""
    broken = b'{"user_id": '
    yield dead_letter("dead_letter_with_headers_not_utf8", "not_json", broken, NOT_UTF8_HEADERS)
    yield dead_letter("dead_letter_with_old_dlq_headers", "not_json", broken, OLD_DEAD_LETTER)
    yield dead_letter("dead_letter_with_1000_headers", "not_json", broken, many_headers())
    big = (("big", b"h" * NEAR_BROKER_LIMIT),)
    yield dead_letter("dead_letter_with_big_headers", "not_json", broken, big)
    yield dead_letter("big_and_not_json", "not_json", b"x" * HOSTILE_RECORD_BYTES)
    yield dead_letter("as_big_as_a_broker_takes", "not_json", b"x" * NEAR_BROKER_LIMIT)
    yield dead_letter("unpacks_to_5_mb", "not_json", b"x" * UNPACKS_TO)
    for kind, key in {"no_key": None, "empty_key": b"", "key_not_utf8": b"\xff\xfe"}.items():
        yield replace(dead_letter(f"dead_letter_with_{kind}", "not_json", broken), key=key)


def many_headers() -> Headers:
    """A thousand small headers."""
    return tuple((f"header-{number}", b"value") for number in range(1_000))


def nested(levels: int) -> str:
    """An array in an array, that many levels deep."""
    return "[" * levels + "]" * levels
