# ruff: noqa: RUF001 - digits that look like others are what is tested here
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.timestamps import LAST_SECOND, NO_TIME, whole_seconds

NOW = 1_720_622_216  # 2024-07-10T14:36:56Z


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [
        (0, 0),
        (NOW, NOW),
        (LAST_SECOND, LAST_SECOND),
        (LAST_SECOND + 1, LAST_SECOND // 1_000),
        (LAST_SECOND * 1_000, LAST_SECOND),
        (LAST_SECOND * 1_000 + 1, LAST_SECOND // 1_000),
        (LAST_SECOND * 1_000_000 + 999_999, LAST_SECOND),
    ],
)
def test_a_number_s_size_tells_its_unit(timestamp: int, seconds: int) -> None:
    """Seconds up to the year 9999, then milliseconds up to a thousand times that, then micro."""
    for form in (timestamp, Decimal(timestamp), Decimal(f"{timestamp}.9"), str(timestamp)):
        assert whole_seconds(form) == seconds
    assert whole_seconds(f"000{timestamp}.999") == seconds


@pytest.mark.parametrize(
    "timestamp",
    [
        *(-1, -0.5, Decimal("-0.000001"), Decimal("-1e-400"), -(10**30)),
        *(LAST_SECOND * 1_000_000 + 1_000_000, 10**18, 10**400, 1e300),
    ],
)
def test_a_number_outside_of_1970_to_9999_is_no_time(timestamp: int | float | Decimal) -> None:
    """In whatever unit."""
    assert whole_seconds(timestamp) == NO_TIME


def test_a_whole_float_is_no_time() -> None:
    """It may have been rounded up from the second before."""
    assert float("1720622215.99999999") == NOW
    assert whole_seconds(float(NOW)) == NO_TIME
    assert whole_seconds(NOW - 0.25) == NOW - 1


@pytest.mark.parametrize(
    "text",
    [
        *("2024-07-10T14:36:56Z", "2024-07-10t14:36:56z", "2024-07-10 14:36:56Z"),
        *("2024-07-10T14:36:56", "2024-07-10 14:36:56", "2024-07-10T14:36:56.9Z"),
        *("2024-07-10T14:36:56.123456789Z", "2024-07-10 14:36:56,999", "2024-07-10T14:36:56-00:00"),
        *("2024-07-10T16:36:56+02:00", "2024-07-10T20:06:56+0530", "2024-07-10 07:36:56.5-07"),
        *("2024-07-11T14:35:56+23:59", "2024-07-09T14:37:56-23:59", "2024-07-10T14:36:56+00"),
        *("20240710T143656Z", "20240710t143656.5Z", "20240710T163656+0200", "20240710T143656"),
    ],
)
def test_iso_8601_is_read_in_utc_or_with_its_offset(text: str) -> None:
    """RFC 3339, and what widely used libraries write besides."""
    assert whole_seconds(text) == NOW


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("1969-12-31T23:59:60Z", 0),
        ("9999-12-31T23:59:59.999Z", LAST_SECOND),
        ("2024-02-29T00:00Z", 1_709_164_800),
        ("1990-12-31T15:59:60-08:00", 662_688_000),
        ("2016-12-31T23:59:60.5Z", 1_483_228_800),
    ],
)
def test_iso_8601_at_its_edges(text: str, seconds: int) -> None:
    """The range's ends in UTC, a leap day, no seconds, and a leap second as POSIX numbers it."""
    assert whole_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-1", "+1", " 1", "1 ", "1\n", "1\0", "1_0", "1,720,622,216", "1e9", "0x66"),
        *("1.", ".5", "1.5.5", "1,5", "-1.5", "1. 5", "nan", "inf", "٣", "１", "²", "１.5", "1.٣"),
        *("2024-07-10", "2024-07", "20240710T", "2024-07-10T14Z", "2024-07-10T14:36.5Z"),
        *("2024-W28-3T14:36:56Z", "2024-192T14:36:56Z", "2024-07-10T24:00:00Z"),
        *("2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-10T00:00:00Z"),
        *("2024-07-10T14:60:00Z", "2024-07-10T14:36:61Z", "2024-07-10T12:00:60Z"),
        *("2024-07-10T23:59:60+01:00", "2024-07-10T14:36:56+24:00", "2024-07-10T14:36:56+01:60"),
        *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"),
        *("1970-01-01T00:59:59+01:00", "9999-12-31T23:59:60Z", "9999-12-31T23:59:59-00:01"),
        *("+12024-07-10T14:36:56Z", "-2024-07-10T14:36:56Z", "24-07-10T14:36:56Z"),
        *("2024-7-10T14:36:56Z", "2024-07-10T4:36:56Z", "2024-0710T14:36:56Z"),
        *("2024-07-10T143656Z", "20240710T14:36:56Z", "20240710 143656Z", "2024-07-10T14:36:56 Z"),
        *("2024-07-10T14:36:56 +0000", "2024-07-10T14:36:56 UTC", "2024-07-10T14:36:56Z[UTC]"),
        *("2024-07-10T14:36:56.Z", "2024-07-10T14:36:56+", "2024-07-10T14:36:56−07:00"),
        *(" 2024-07-10T14:36:56Z", "2024-07-10T14:36:56Z\n", "2024-07-10\n14:36:56Z"),
        *("٢٠٢٤-07-10T14:36:56Z", "2024/07/10 14:36:56", "Wed, 10 Jul 2024 14:36:56 GMT"),
    ],
)
def test_any_other_text_is_no_time(text: str) -> None:
    """What could be read in two ways, or is not a date of the calendar, is not read at all."""
    assert whole_seconds(text) == NO_TIME


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(9999, 12, 30)),
    st.timedeltas(timedelta(hours=-14), timedelta(hours=14)),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
    st.sampled_from("T "),
)
def test_any_time_is_read_as_the_standard_library_does(
    moment: datetime, offset: timedelta, timespec: str, separator: str
) -> None:
    """However precise, and wherever the clock stood."""
    zone = timezone(timedelta(minutes=offset // timedelta(minutes=1)))
    text = moment.replace(tzinfo=zone).isoformat(separator, timespec)
    whole = datetime.fromisoformat(text).replace(microsecond=0)
    assert whole_seconds(text) == whole.timestamp()
    assert whole_seconds(text.replace("+", "-").replace(".", ",")[:19]) == (
        datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()
    )


@given(st.text() | st.text(alphabet="0123456789-+:.,TtZz ", max_size=30))
def test_any_text_is_a_time_or_none(text: str) -> None:
    """Nothing is raised, and no time is outside of the range."""
    assert NO_TIME <= whole_seconds(text) <= LAST_SECOND
