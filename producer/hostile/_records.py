# ruff: noqa: RUF001 - letters that look like others are what is tested here
"""Messages that look wrong and are records all the same, some of them with quality flags."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from producer.hostile._build import (
    HOSTILE_RECORD_BYTES,
    HostileMessage,
    login,
    login_raw,
    login_without,
    record,
)
from producer.hostile._fields import ID_FIELDS, INVALID_IPS, LARGEST, LAST_SECOND, ONE_DAY
from producer.hostile._json import (
    DEEPEST,
    LONE_SURROGATES,
    NOT_UTF8_HEADERS,
    OLD_DEAD_LETTER,
    UNPACKS_TO,
    many_headers,
    nested,
)

SOFT_FIELDS = ("device_type", "app_version", "locale", "device_id", "ip")

NO_VERSIONS = {
    "suffix": "2.3.0-beta",
    "prefix": "v2.3",
    "word": "latest",
    "five_groups": "1.2.3.4.5",
    "ten_digits": "1234567890.0",
    "ten_digits_with_zeros": "0000000002.3",
    "two_dots": "2..3",
    "leading_dot": ".2",
    "trailing_dot": "2.",
    "only_a_dot": ".",
    "comma": "2,3",
    "negative": "-1",
    "plus_sign": "+2.3",
    "exponent": "1e3",
    "underscore": "2_0.1",
    "only_a_space": " ",
    "leading_space": " 2.3",
    "trailing_space": "2.3 ",
    "trailing_newline": "2.3\n",
    "trailing_nul": "2.3\0",
    "arabic_digits": "٢.٣",
    "fullwidth_digits": "２.３",
    "superscript": "2²",
    "fullwidth_dot": "2．3",
    "emoji": "2.3 \N{ROCKET}",
    "1024_bytes": "2" * LARGEST,
}
VERSIONS = {
    "one_group": "2",
    "two_groups": "2.3",
    "four_groups": "2.3.0.1",
    "nine_digits": "999999999.999999999.999999999.999999999",
    "zero": "0",
    "leading_zeros": "002.03.0",
    "last_legacy": "1.999999999",
    "last_stable": "2.2.9",
    "first_current": "2.3",
}
NO_DEVICE_TYPES = {
    "other": "windows",
    "almost": "androids",
    "two": "android,iOS",
    "only_a_space": " ",
    "inner_space": "i OS",
    "trailing_nul": "iOS\0",
    "fullwidth": "ｉＯＳ",
    "cyrillic": "\N{CYRILLIC SMALL LETTER A}ndroid",
    "dotted_capital": "İOS",
    "1024_bytes": "x" * LARGEST,
}
DEVICE_TYPES = ("ANDROID", "Android", "ios", "IOS", " iOS", "android ", "\tAndroid\r\n", "Web ")
# Nothing is trimmed or cut: each of these stays as it is, in the user id as in the locale.
STRANGE_TEXTS = {
    "space": " ",
    "surrounding_spaces": " NY ",
    "newline": "N\nY",
    "nul": "N\0Y",
    "control": "\x07\x1b[31m\x7f",
    "line_separator": "N\u2028Y",
    "emoji": "\N{GRINNING FACE}\N{ZERO WIDTH JOINER}\N{ROCKET}",
    "right_to_left": "\u202eYN",
    "no_character": "\ufffe\uffff",
    "combining": "e\u0301" * 10,
    "byte_order_mark": "\ufeffNY",
    "html": "<script>alert(1)</script>",
    "sql": "'; DROP TABLE logins; --",
    "formula": '=HYPERLINK("http://example.invalid")',
    "path": "../../etc/passwd",
    "template": "{{7*7}}${7*7}%s%n",
    "looks_like_null": "null",
    "looks_like_number_too_big": "1e999",
    "deep_brackets": '[{"\\' * 100,
    "1024_bytes": "x" * LARGEST,
    "512_characters_of_two_bytes": "é" * 512,
    "other": "other",
    "proto": "__proto__",
}
ADDRESSES = {
    "lowest": "0.0.0.0",  # noqa: S104 - an address in a record, nothing listens on it
    "highest": "255.255.255.255",
    "private": "10.1.2.3",
    "ipv6": "2001:db8:1:2:3:4:5:6",
    "ipv6_short": "2001:db8::1",
    "ipv6_capitals": "2001:DB8::ABCD",
    "ipv6_leading_zeros": "2001:0db8:0000:0000:0000:0000:0000:0001",
    "ipv6_unspecified": "::",
    "ipv6_loopback": "::1",
    "ipv6_link_local": "fe80::1",
    "ipv4_mapped": "::ffff:203.0.113.9",
    "ipv4_mapped_hexadecimal": "::FFFF:cb00:7109",
    "six_to_four": "2002:cb00:7109::1",
    "teredo": "2001:0:cb00:7109::1",
    "nat64": "64:ff9b::203.0.113.9",
    "with_port": "203.0.113.9:51234",
    "ipv6_with_port": "[2001:db8::1]:443",
    "ipv4_mapped_with_port": "[::ffff:203.0.113.9]:443",
    "leading_space": " 203.0.113.9",
    "trailing_newline": "203.0.113.9\r\n",
    "list": "203.0.113.9, 10.0.0.1,10.0.0.2",
    "list_that_ends_with_words": "2001:db8::1,unknown, proxy",
    "list_with_ports": " 203.0.113.9:51234 , 10.0.0.1:443",
}
INTEGERS = {
    "zero": "0",
    "minus_one": "-1",
    "64_bits": str(2**64 - 1),
    "30_digits": "9" * 30,
    "1024_digits": "9" * LARGEST,
}
# In a field that nobody knows, all that is valid JSON passes.
UNKNOWN_FIELDS = {
    "null": "null",
    "integer_of_30_digits": "1" * 30,
    "largest_fraction": "1.7976931348623157e308",
    "fraction_that_rounds_to_zero": "1e-999",
    "minus_zero": "-0.0",
    "text_of_a_number_too_big": '"1e999"',
    "text_of_nan": '"NaN"',
    "text_of_brackets": '"' + "[" * 2_000 + '"',
    "text_of_escaped_quotes_and_brackets": '"' + r"\"[{" * 1_000 + '"',
    "text_of_backslashes": '"' + "\\\\" * 1_001 + '"',
    "wide_array": "[" + "[]," * 2_000 + "[]]",
    "512_levels": nested(DEEPEST - 1),
    "same_names_as_a_login": '{"user_id": 7, "timestamp": [], "ip": "x"}',
    "text_of_900_kb": '"' + "x" * HOSTILE_RECORD_BYTES + '"',
    "text_that_unpacks_to_5_mb": '"' + "x" * UNPACKS_TO + '"',
}


def hostile_records(now: int) -> Iterator[HostileMessage]:
    """Logins that must not become dead letters, however odd they are."""
    yield from _missing_soft(now)
    yield from _versions(now)
    yield from _device_types(now)
    yield from _texts(now)
    yield from _timestamps(now)
    yield from _unknown_fields(now)
    yield from _shapes(now)
    yield from _headers(now)


def _missing_soft(now: int) -> Iterator[HostileMessage]:
    for field in SOFT_FIELDS:
        flag = f"missing_{field}"
        name = f"{field}_absent"
        yield record(name, login_without(name, now, field), flag)
        for kind, value in {"null": None, "empty": ""}.items():
            name = f"{field}_{kind}"
            yield record(name, login(name, now, **{field: value}), flag)
    flags = [f"missing_{field}" for field in SOFT_FIELDS]
    yield record("no_soft_field", login_without("no_soft_field", now, *SOFT_FIELDS), *flags)


def _versions(now: int) -> Iterator[HostileMessage]:
    for kind, version in NO_VERSIONS.items():
        name = f"app_version_{kind}"
        yield record(name, login(name, now, app_version=version), "invalid_app_version")
    for kind, version in VERSIONS.items():
        name = f"app_version_{kind}"
        yield record(name, login(name, now, app_version=version))


def _device_types(now: int) -> Iterator[HostileMessage]:
    for kind, text in NO_DEVICE_TYPES.items():
        name = f"device_type_{kind}"
        yield record(name, login(name, now, device_type=text), "unrecognised_device_type")
    for number, text in enumerate(DEVICE_TYPES):
        name = f"device_type_spelling_{number}"
        yield record(name, login(name, now, device_type=text))
    name = "three_soft_faults"
    value = login(name, now, device_type="windows", app_version="x", locale=None)
    yield record(name, value, "unrecognised_device_type", "invalid_app_version", "missing_locale")


def _texts(now: int) -> Iterator[HostileMessage]:
    for kind, text in STRANGE_TEXTS.items():
        for field in ("user_id", "locale", "device_id"):
            name = f"{field}_{kind}"
            yield record(name, login(name, now, **{field: text}))
    for kind, address in ADDRESSES.items():
        name = f"ip_{kind}"
        yield record(name, login(name, now, ip=address))
    for kind, text in INVALID_IPS.items():
        name = f"ip_{kind}"
        yield record(name, login(name, now, ip=text), "invalid_ip")
    name = "invalid_ip_beside_soft_faults"
    value = login(name, now, ip="x", device_type="", app_version="x")
    yield record(name, value, "invalid_ip", "missing_device_type", "invalid_app_version")
    for field in ID_FIELDS:
        for kind, raw in INTEGERS.items():
            name = f"{field}_integer_{kind}"
            yield record(name, login_raw(name, now, field, raw))


def _timestamps(now: int) -> Iterator[HostileMessage]:
    for kind, timestamp in {
        "zero": 0,
        "zero_as_text": "0",
        "text": str(now),
        "leading_zeros": f"000{now}",
        "1000_leading_zeros": f"{now:01000}",
        "thirty_years_ago": now - 30 * 365 * ONE_DAY,
        **_other_forms(now),
    }.items():
        name = f"timestamp_{kind}"
        yield record(name, login(name, now, timestamp=timestamp))
    for kind, raw in {
        "exponent": "1e9",
        "whole_fraction": f"{now}.0",
        "minus_zero": "-0.0",
    }.items():
        name = f"timestamp_{kind}_number"
        yield record(name, login_raw(name, now, "timestamp", raw))
    for kind, milliseconds, flags in (
        ("a_minute", 60_000, ()),
        ("a_minute_and_a_millisecond", 60_001, ("timestamp_ahead",)),
        ("a_day", ONE_DAY * 1_000, ("timestamp_ahead",)),
    ):
        name = f"timestamp_{kind}_past_the_record"
        ahead = record(name, login(name, now), *flags)
        yield replace(ahead, record_timestamp_ms=now * 1_000 - milliseconds)
    # Times that say nothing about when the record was written, so its login isn't ahead of it.
    for kind, record_time in {"one": 1, "seconds": now, "before_2000": 946_684_799_999}.items():
        name = f"record_time_{kind}"
        yield replace(record(name, login(name, now)), record_timestamp_ms=record_time)


def _other_forms(now: int) -> dict[str, object]:
    """The time of a login as other programs write it."""
    utc = datetime.fromtimestamp(now, UTC)
    return {
        "milliseconds": now * 1_000 + 999,
        "microseconds": now * 1_000_000 + 999_999,
        "milliseconds_as_text": f"{now}999",
        "microseconds_as_text": f"{now}999999",
        "fraction_as_text": f"{now}.999999999",
        "milliseconds_with_fraction_as_text": f"{now}999.9",
        "fraction": now + 0.5,
        "milliseconds_with_fraction": now * 1_000 + 0.5,
        "least_milliseconds": LAST_SECOND + 1,
        "least_microseconds": LAST_SECOND * 1_000 + 1,
        "rfc_3339": utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rfc_3339_fraction": utc.strftime("%Y-%m-%dT%H:%M:%S.999999999Z"),
        "rfc_3339_lower_case": utc.strftime("%Y-%m-%dt%H:%M:%Sz"),
        "rfc_3339_space": utc.strftime("%Y-%m-%d %H:%M:%S+00:00"),
        "rfc_3339_offset": (utc + timedelta(hours=5.5)).strftime("%Y-%m-%dT%H:%M:%S+05:30"),
        "rfc_3339_leap_second": "2016-12-31T23:59:60Z",
        "iso_8601_without_offset": utc.strftime("%Y-%m-%dT%H:%M:%S"),
        "iso_8601_without_seconds": utc.strftime("%Y-%m-%dT%H:%MZ"),
        "iso_8601_comma": utc.strftime("%Y-%m-%dT%H:%M:%S,123Z"),
        "iso_8601_offset_without_colon": utc.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "iso_8601_offset_of_hours": utc.strftime("%Y-%m-%d %H:%M:%S.123+00"),
        "iso_8601_basic": utc.strftime("%Y%m%dT%H%M%SZ"),
    }


def _unknown_fields(now: int) -> Iterator[HostileMessage]:
    for kind, raw in UNKNOWN_FIELDS.items():
        name = f"unknown_{kind}"
        yield record(name, login_raw(name, now, "unknown_field", raw))
    for kind, raw in LONE_SURROGATES.items():
        name = f"unknown_lone_surrogate_{kind}"
        yield record(name, login_raw(name, now, "unknown_field", raw))
        name = f"unknown_nested_lone_surrogate_{kind}"
        yield record(name, login_raw(name, now, "unknown_field", f'{{"a": [{raw}]}}'))
    name = "unknown_thousand_fields"
    yield record(name, login(name, now, **{f"field_{number}": number for number in range(1_000)}))
    name = "unknown_empty_name"
    yield record(name, login(name, now, **{"": 1}))
    name = "unknown_other_case"
    yield record(name, login(name, now, User_ID=7, TIMESTAMP="x", IP=[]))


def _shapes(now: int) -> Iterator[HostileMessage]:
    """The same login, written in another way."""
    name = "spaces_around"
    yield record(name, b" \t\r\n" + login(name, now) + b"\n\n")
    name = "indented"
    yield record(name, json.dumps(json.loads(login(name, now)), indent=4).encode())
    name = "no_spaces"
    yield record(name, login(name, now).replace(b": ", b":").replace(b", ", b","))
    name = "escaped_names"
    yield record(name, login(name, now).replace(b"user_id", rb"user\u005fid", 1))
    name = "surrogate_pair"
    yield record(name, login_raw(name, now, "locale", r'"\ud83d\ude00"'))
    name = "raw_utf8"
    yield record(name, login_raw(name, now, "locale", '"Zürich \N{GRINNING FACE}"'))
    for kind, prefix in {
        "byte_order_mark": b"\xef\xbb\xbf",
        "registry_header": b"\0\0\0\0\7",
        "registry_header_and_byte_order_mark": b"\0\0\0\0\7\xef\xbb\xbf",
    }.items():
        name = f"after_a_{kind}"
        yield record(name, prefix + login(name, now))
    name = "locale_twice"
    yield record(name, login(name, now)[:-1] + b', "locale": "CA"}')


def _headers(now: int) -> Iterator[HostileMessage]:
    for name, headers in {
        "record_with_headers_not_utf8": NOT_UTF8_HEADERS,
        "record_with_old_dlq_headers": OLD_DEAD_LETTER,
        "record_with_1000_headers": many_headers(),
    }.items():
        yield record(name, login(name, now), headers=headers)
    for kind, key in {"no_key": None, "empty_key": b"", "key_not_utf8": b"\xff\xfe"}.items():
        name = f"record_with_{kind}"
        yield replace(record(name, login(name, now)), key=key)
