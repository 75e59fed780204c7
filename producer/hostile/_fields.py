# ruff: noqa: RUF001 - digits that look like others are what is tested here
"""Faults of single fields, from `wrong_type` on, and which of two comes first."""

from collections.abc import Iterator
from dataclasses import replace

from producer.hostile._build import (
    HOSTILE_RECORD_BYTES,
    TEXT_FIELDS,
    HostileMessage,
    dead_letter,
    login,
    login_raw,
    login_without,
)

LARGEST = 1_024  # bytes of UTF-8 in a known field, ip aside
ID_FIELDS = ("user_id", "device_id")
ONE_DAY = 86_400
YEAR_2200 = 7_258_118_400
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z

WRONG_TYPES: dict[str, object] = {
    "boolean": True,
    "false": False,
    "array": ["NY"],
    "empty_array": [],
    "object": {"NY": 1},
    "empty_object": {},
}
INVALID_TIMESTAMP_NUMBERS = {
    "negative": "-1",
    "over_63_bits": str(2**63),
    "over_64_bits": str(2**64),
    "400_digits": "1" * 400,
    "5000_digits": "1" * 5_000,  # more than Python turns into an int by itself
    "minus_5000_digits": "-" + "1" * 5_000,
    "minus_half": "-0.5",
    "year_10000_in_microseconds": f"{LAST_SECOND + 1}000000",
    "over_any_integer": "1e300",
}
INVALID_TIMESTAMP_TEXTS = {
    "word": "yesterday",
    "date_alone": "2024-07-10",
    "week_date": "2024-W28-3T14:36:56Z",
    "day_of_the_year": "2024-192T14:36:56Z",
    "hour_24": "2024-07-10T24:00:00Z",
    "hour_alone": "2024-07-10T14Z",
    "second_61": "2024-07-10T14:36:61Z",
    "leap_second_at_noon": "2016-12-31T12:00:60Z",
    "february_30": "2024-02-30T14:36:56Z",
    "year_1969": "1969-12-31T23:59:59Z",
    "year_1969_in_utc": "1970-01-01T00:59:59+01:00",
    "year_10000_in_utc": "9999-12-31T23:59:59-00:01",
    "year_of_five_digits": "+12024-07-10T14:36:56Z",
    "offset_of_24_hours": "2024-07-10T14:36:56+24:00",
    "offset_with_a_minus_sign": "2024-07-10T14:36:56\N{MINUS SIGN}07:00",
    "zone_name": "2024-07-10T14:36:56 UTC",
    "iso_8601_with_space": " 2024-07-10T14:36:56Z",
    "iso_8601_of_arabic_digits": "٢٠٢٤-٠٧-١٠T١٤:٣٦:٥٦Z",
    "rfc_2822": "Wed, 10 Jul 2024 14:36:56 +0000",
    "us_date": "07/10/2024 14:36:56",
    "negative": "-1",
    "plus_sign": "+1720622216",
    "space": " ",
    "leading_space": " 1720622216",
    "trailing_space": "1720622216 ",
    "trailing_newline": "1720622216\n",
    "trailing_nul": "1720622216\0",
    "underscore": "1_720_622_216",
    "thousands_commas": "1,720,622,216",
    "fraction_without_digits": "1720622216.",
    "fraction_alone": ".5",
    "fraction_behind_a_comma": "1720622216,5",
    "two_fractions": "1720622216.5.5",
    "plus_sign_and_fraction": "+1720622216.5",
    "exponent": "1e9",
    "hexadecimal": "0x66",
    "nan": "nan",
    "infinity": "Infinity",
    "arabic_digits": "١٧٢٠٦٢٢٢١٦",
    "fullwidth_digits": "１７２０６２２２１６",
    "superscript": "172062221²",
    "zero_width_space": "1720622216\u200b",
    "year_10000_in_microseconds": f"{LAST_SECOND + 1}000000",
    "over_64_bits": str(2**64),
    "1000_digits": "9" * 1_000,
}
INVALID_IPS = {
    "leading_zero": "01.2.3.4",
    "octal": "0177.0.0.1",
    "hexadecimal": "0x7f.0.0.1",
    "one_number": "2130706433",
    "three_parts": "1.2.3",
    "five_parts": "1.2.3.4.5",
    "empty_part": "1..2.3",
    "part_over_255": "1.2.3.256",
    "negative_part": "1.2.3.-4",
    "port_over_65535": "1.2.3.4:65536",
    "port_of_6_digits": "1.2.3.4:000080",
    "port_without_digits": "1.2.3.4:",
    "port_of_a_word": "1.2.3.4:http",
    "two_ports": "1.2.3.4:80:80",
    "leading_zero_with_port": "01.2.3.4:80",
    "space_before_port": "1.2.3.4 :80",
    "with_prefix_length": "1.2.3.0/24",
    "inner_space": "1.2. 3.4",
    "trailing_nul": "1.2.3.4\0",
    "only_a_space": " ",
    "arabic_digits": "١.٢.٣.٤",
    "fullwidth_digits": "１.2.3.4",
    "two_addresses_without_a_comma": "1.2.3.4 5.6.7.8",
    "list_that_begins_with_a_comma": ", 1.2.3.4",
    "list_that_begins_with_a_word": "unknown, 1.2.3.4",
    "host_name": "localhost",
    "word": "unknown",
    "dash": "-",
    "ipv6_zone": "fe80::1%eth0",
    "ipv6_zone_number": "fe80::1%1",
    "ipv6_empty_zone": "fe80::1%",
    "ipv6_mapped_zone": "::ffff:1.2.3.4%eth0",
    "ipv6_in_brackets_without_port": "[2001:db8::1]",
    "ipv6_zone_with_port": "[fe80::1%eth0]:443",
    "ipv6_port_over_65535": "[2001:db8::1]:65536",
    "ipv6_space_in_brackets": "[ 2001:db8::1]:443",
    "ipv6_bracket_not_closed": "[2001:db8::1:443",
    "ipv4_in_brackets": "[1.2.3.4]:80",
    "for_of_rfc_7239": 'for="[2001:db8::1]:443"',
    "ipv6_with_prefix_length": "2001:db8::/48",
    "ipv6_three_colons": ":::",
    "ipv6_two_gaps": "1::2::3",
    "ipv6_nine_groups": "1:2:3:4:5:6:7:8:9",
    "ipv6_seven_groups": "1:2:3:4:5:6:7",
    "ipv6_long_group": "12345::",
    "ipv6_no_hexadecimal": "2001:db8::g",
    "ipv6_mapped_part_over_255": "::ffff:1.2.3.256",
    "ipv6_mapped_leading_zero": "::ffff:01.2.3.4",
    "1025_bytes": "1" * (LARGEST + 1),
    "900_kb": "1" * HOSTILE_RECORD_BYTES,
}


def field_faults(now: int) -> Iterator[HostileMessage]:
    """Logins with a field that makes them a dead letter, in the order of the contract."""
    yield from _wrong_type(now)
    yield from _too_large(now)
    yield from _missing(now)
    yield from _invalid_timestamp(now)
    yield from _in_future(now)
    yield from _two_faults(now)


def _wrong_type(now: int) -> Iterator[HostileMessage]:
    for field in (*TEXT_FIELDS, "timestamp"):
        for kind, value in WRONG_TYPES.items():
            name = f"{field}_{kind}"
            yield dead_letter(name, "wrong_type", login(name, now, **{field: value}))
        if field != "timestamp":
            name = f"{field}_fraction"
            yield dead_letter(name, "wrong_type", login(name, now, **{field: 1.5}))
    for field in TEXT_FIELDS:
        if field in ID_FIELDS:
            name = f"{field}_whole_fraction"
            yield dead_letter(name, "wrong_type", login(name, now, **{field: 7.0}))
            name = f"{field}_exponent"
            yield dead_letter(name, "wrong_type", login_raw(name, now, field, "1e3"))
        else:
            name = f"{field}_integer"
            yield dead_letter(name, "wrong_type", login(name, now, **{field: 7}))


def _too_large(now: int) -> Iterator[HostileMessage]:
    for field in (*TEXT_FIELDS, "timestamp"):
        if field == "ip":
            continue
        digit = "1"  # so that the timestamp has no other fault
        for kind, size in {"1025_bytes": LARGEST + 1, "900_kb": HOSTILE_RECORD_BYTES}.items():
            name = f"{field}_{kind}"
            yield dead_letter(name, "too_large", login(name, now, **{field: digit * size}))
    for field in ID_FIELDS:
        name = f"{field}_1025_digits"
        yield dead_letter(name, "too_large", login_raw(name, now, field, "1" * (LARGEST + 1)))
    for field in ("user_id", "locale"):
        name = f"{field}_513_characters_of_two_bytes"
        yield dead_letter(name, "too_large", login(name, now, **{field: "é" * 513}))
    name = "locale_257_characters_of_four_bytes"
    yield dead_letter(name, "too_large", login(name, now, locale="\N{GRINNING FACE}" * 257))
    name = "locale_1025_spaces"
    yield dead_letter(name, "too_large", login(name, now, locale=" " * (LARGEST + 1)))


def _missing(now: int) -> Iterator[HostileMessage]:
    for field in ("user_id", "timestamp"):
        reason = f"missing_{field}"
        name = f"{field}_absent"
        yield dead_letter(name, reason, login_without(name, now, field))
        for kind, nothing in {"null": None, "empty": ""}.items():
            name = f"{field}_{kind}"
            yield dead_letter(name, reason, login(name, now, **{field: nothing}))
    yield dead_letter("empty_object", "missing_user_id", b"{}")
    name = "user_id_in_other_case"
    other_case = login(name, now).replace(b"user_id", b"User_ID", 1)
    yield dead_letter(name, "missing_user_id", other_case)
    name = "user_id_of_an_inner_object"
    value = login_without(name, now, "user_id")[:-1] + b', "user": {"user_id": "7"}}'
    yield dead_letter(name, "missing_user_id", value)


def _invalid_timestamp(now: int) -> Iterator[HostileMessage]:
    nanoseconds = {"nanoseconds": f"{now}123456789"}
    for kind, raw in (INVALID_TIMESTAMP_NUMBERS | nanoseconds).items():
        name = f"timestamp_{kind}_number"
        yield dead_letter(name, "invalid_timestamp", login_raw(name, now, "timestamp", raw))
    for kind, text in (INVALID_TIMESTAMP_TEXTS | nanoseconds).items():
        name = f"timestamp_{kind}_text"
        yield dead_letter(name, "invalid_timestamp", login(name, now, timestamp=text))


def _in_future(now: int) -> Iterator[HostileMessage]:
    """A day and a second past the record's own time, and far beyond that."""
    for kind, timestamp in {
        "year_2200": YEAR_2200,
        "last_second_of_9999": LAST_SECOND,
        "year_2200_as_text": str(YEAR_2200),
        "year_2200_in_milliseconds": YEAR_2200 * 1_000,
        "year_2200_in_iso_8601": "2200-01-01T00:00:00Z",
        "digits_of_a_date_and_a_time": "20240710143656",  # milliseconds of the year 2611
    }.items():
        name = f"timestamp_{kind}"
        value = login(name, now, timestamp=timestamp)
        yield dead_letter(name, "timestamp_in_future", value)
    name = "timestamp_a_day_and_a_second_past_the_record"
    late = dead_letter(name, "timestamp_in_future", login(name, now))
    yield replace(late, record_timestamp_ms=(now - ONE_DAY - 1) * 1_000)
    name = "timestamp_a_day_and_a_millisecond_past_the_record"
    late = dead_letter(name, "timestamp_in_future", login(name, now))
    yield replace(late, record_timestamp_ms=(now - ONE_DAY) * 1_000 - 1)
    name = "timestamp_year_2200_of_a_record_time_in_seconds"
    future = dead_letter(name, "timestamp_in_future", login(name, now, timestamp=YEAR_2200))
    yield replace(future, record_timestamp_ms=now)


def _two_faults(now: int) -> Iterator[HostileMessage]:
    """The first that applies, in the order of the contract, is the reason."""
    large = "1" * (LARGEST + 1)
    for name, reason, changes in (
        ("wrong_type_before_too_large", "wrong_type", {"locale": large, "device_id": 7.5}),
        ("wrong_type_before_missing_user_id", "wrong_type", {"user_id": "", "locale": 7}),
        ("too_large_before_missing_user_id", "too_large", {"user_id": None, "locale": large}),
        ("too_large_before_invalid_timestamp", "too_large", {"timestamp": "x", "locale": large}),
        ("missing_user_id_before_timestamp", "missing_user_id", {"user_id": "", "timestamp": ""}),
        (
            "invalid_timestamp_beside_an_invalid_ip",
            "invalid_timestamp",
            {"timestamp": "x", "ip": "x"},
        ),
    ):
        yield dead_letter(name, reason, login(name, now, **changes))
    name = "not_json_before_wrong_type"
    yield dead_letter(name, "not_json", login_raw(name, now, "locale", "7, NaN"))
