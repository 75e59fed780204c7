# ruff: noqa: RUF001 - digits that look like others are what is tested here
import copy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models import ProcessedLogin
from operators.batches import Login, LoginBatch, Reason, Reject
from operators.enrich import device_type, enrich, enrich_batch, login_at, version_category
from operators.event_time import FIRST_RECORD_TIME
from operators.privacy import mask_address
from operators.timestamps import LAST_SECOND
from records import RecordBatch

SECOND = 1_720_622_216
NOW = "2024-07-10T14:37:00.123Z"
SOFT_FIELDS = ("app_version", "device_id", "device_type", "ip", "locale")
FLAGS = {
    *(f"missing_{name}" for name in SOFT_FIELDS),
    "invalid_app_version",
    "invalid_ip",
    "timestamp_ahead",
    "unrecognised_device_type",
}

texts = st.none() | st.text()
versions = texts | st.from_regex(r"[0-9]{1,10}(\.[0-9]{1,10}){0,4}", fullmatch=True)
addresses = st.none() | st.text(max_size=3) | st.ip_addresses().map(str)
# Any that decode gives: it lets no lone surrogate pass, and st.text() makes none.
logins = st.builds(
    Login,
    user_id=st.text(min_size=1),
    timestamp=st.integers(0, LAST_SECOND),
    app_version=versions,
    device_type=texts | st.sampled_from(["android", "iOS"]),
    locale=texts,
    device_id=texts,
    ip=addresses,
)


def login(**changes: str | None) -> Login:
    """A login without a fault, with some fields changed."""
    fields: dict[str, str | None] = {
        "app_version": "2.3.0",
        "device_type": "android",
        "locale": "CA",
        "device_id": "593-47-5928",
        "ip": "203.0.113.77",
    }
    return Login(user_id="user", timestamp=SECOND, **(fields | changes))


def processed(**changes: str | None) -> ProcessedLogin:
    """What becomes of such a login."""
    return enrich(login(**changes), NOW)


def test_a_clean_login_has_all_fields_and_no_flags() -> None:
    """Each field of the contract, with the value it gives."""
    assert processed() == ProcessedLogin(
        user_id="user",
        device_id="593-47-5928",
        device_type="android",
        app_version="2.3.0",
        version_category="current",
        locale="CA",
        masked_ip="203.0.113.0",
        timestamp=SECOND,
        login_at="2024-07-10T14:36:56Z",
        processed_at=NOW,
        quality=(),
    )


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("name", SOFT_FIELDS)
def test_a_missing_field_is_unknown_and_flagged(name: str, nothing: str | None) -> None:
    """Absent, null and empty are the same soft fault."""
    result = processed(**{name: nothing})
    assert result.quality == (f"missing_{name}",)
    if name == "ip":
        assert result.masked_ip is None
    else:
        assert getattr(result, name) == "unknown"
    assert (result.version_category == "unknown") is (name == "app_version")


def test_flags_are_sorted() -> None:
    """However many there are, so that equal faults give equal records."""
    every = dict.fromkeys(SOFT_FIELDS)
    assert list(processed(**every).quality) == sorted(f"missing_{name}" for name in SOFT_FIELDS)
    assert processed(device_type="windows", app_version="x", locale="").quality == (
        "invalid_app_version",
        "missing_locale",
        "unrecognised_device_type",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("android", "android"), ("Android", "android"), ("ANDROID ", "android"),
        ("iOS", "iOS"), ("ios", "iOS"), ("\tIOS\r\n", "iOS"), ("unknown", "unknown"),
        ("web", "web"), (" WEB", "web"),
    ],
)  # fmt: skip
def test_a_known_device_type_is_normalised(text: str, expected: str) -> None:
    """Case and surrounding white space don't matter; `unknown` is a valid one."""
    assert device_type(text) == (expected, None)
    assert processed(device_type=text).device_type == expected
    assert processed(device_type=text).quality == ()


@pytest.mark.parametrize(
    "text", ["windows", " ", "i OS", "androids", "iOS\0", "ｉＯＳ", "İOS", "ioſ", "None"]
)
def test_another_device_type_is_unknown_and_flagged(text: str) -> None:
    """Letters that look like those of a known one don't make it one."""
    assert device_type(text) == ("unknown", "unrecognised_device_type")
    assert processed(device_type=text).device_type == "unknown"


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("0", "legacy"), ("1", "legacy"), ("1.9", "legacy"), ("1.999999999.9.9", "legacy"),
        ("2", "stable"), ("2.0", "stable"), ("2.0.0", "stable"), ("2.2.9", "stable"),
        ("2.2.999999999", "stable"), ("02.02.00", "stable"), ("2.3", "current"),
        ("2.3.0.1", "current"), ("2.10", "current"), ("3", "current"), ("10.0", "current"),
        ("999999999.999999999.999999999.999999999", "current"),
    ],
)  # fmt: skip
def test_a_version_has_a_category(text: str, category: str) -> None:
    """Major and minor are compared as numbers; a minor that is absent is 0."""
    assert version_category(text) == (category, None)
    result = processed(app_version=text)
    assert (result.app_version, result.version_category, result.quality) == (text, category, ())


@pytest.mark.parametrize(
    "text",
    [
        " ", ".", "2.", ".2", "2..3", "1.2.3.4.5", "1234567890", "2.1234567890", "v2.3", "2.3-beta",
        " 2.3", "2.3 ", "2.3\n", "2.3\0", "-1", "+2", "2,3", "2_0", "1e3", "٢.٣", "２.３", "2²",
        "٢", "latest", "unknown", "2" * 1_024,
    ],
)  # fmt: skip
def test_what_is_no_version_keeps_its_text_and_is_flagged(text: str) -> None:
    """Its category is unknown."""
    result = processed(app_version=text)
    assert (result.app_version, result.version_category) == (text, "unknown")
    assert result.quality == ("invalid_app_version",)


@pytest.mark.parametrize("text", ["01.2.3.4", " ", "localhost", "-", "unknown, 203.0.113.77"])
def test_an_invalid_ip_is_flagged_and_leaves_the_flow_in_no_form(text: str) -> None:
    """The login is processed without it, beside its other faults; it isn't a missing one."""
    result = processed(ip=text, device_type=None)
    assert result.masked_ip is None
    assert result.quality == ("invalid_ip", "missing_device_type")
    assert replace(result, quality=()) == replace(processed(ip=None, device_type=None), quality=())


@given(st.integers(0, LAST_SECOND))
def test_login_at_is_the_timestamp(timestamp: int) -> None:
    """ISO 8601 in UTC, whole seconds, from 1970 to 9999."""
    moment = datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)
    assert login_at(timestamp) == f"{moment.isoformat()}Z"


def test_login_at_has_four_digits_for_the_year() -> None:
    """At both ends of the range."""
    assert login_at(0) == "1970-01-01T00:00:00Z"
    assert login_at(LAST_SECOND) == "9999-12-31T23:59:59Z"


@given(logins)
def test_any_login_is_processed(given_login: Login) -> None:
    """Nothing is a hard fault here, no text is changed, and flags are the contract's."""
    result = enrich(given_login, NOW)
    assert result.user_id == given_login.user_id
    assert result.timestamp == given_login.timestamp
    assert result.app_version == (given_login.app_version or "unknown")
    assert result.locale == (given_login.locale or "unknown")
    assert result.device_id == (given_login.device_id or "unknown")
    assert result.masked_ip == mask_address(given_login.ip or "")
    assert result.device_type in {"android", "iOS", "web", "unknown"}
    assert list(result.quality) == sorted(FLAGS.intersection(result.quality))


@pytest.mark.parametrize("remember", [device_type, version_category])
def test_memory_for_texts_is_bounded(remember: object) -> None:
    """They come from outside, in any number."""
    for number in range(5_000):
        remember(f"text {number}")  # type: ignore[operator]
    assert remember.cache_info().currsize <= 1_000  # type: ignore[attr-defined]


def batch(*given_logins: Login, record_time: int = SECOND * 1_000) -> LoginBatch[Login]:
    """A batch after decode: of its records, all of the same time, every other one was rejected."""
    indexes = [1 + 2 * position for position in range(len(given_logins))]
    timestamps = [0, *[record_time, 0] * len(given_logins)]
    source = RecordBatch("user-login", 0, 0, 99, [], timestamps, [], [])
    return LoginBatch(source, indexes, list(given_logins), [(0, Reject(Reason.TOMBSTONE, "why"))])


def test_a_batch_has_one_time_of_processing() -> None:
    """The clock is asked once, and shown in milliseconds and UTC."""
    moments = iter([datetime(2024, 7, 10, 14, 37, 0, 123_999, UTC)])
    enriched = enrich_batch(batch(login(), login()), now=lambda: next(moments))
    assert [login.processed_at for login in enriched.logins] == [NOW, NOW]


def test_a_batch_is_processed_at_the_present_time() -> None:
    """Without another clock it is the system's, whole milliseconds and all."""
    before = datetime.now(UTC)
    [result] = enrich_batch(batch(login())).logins
    moment = datetime.fromisoformat(result.processed_at)
    assert abs((moment - before).total_seconds()) < 60
    assert len(result.processed_at) == len(NOW)


def test_enrich_leaves_rejects_and_its_input_alone() -> None:
    """Positions are those of the source, and the engine may hand the same batch to another step."""
    decoded = batch(login(), login(ip="x"), login(device_type=None))
    given = copy.deepcopy(decoded)
    enriched = enrich_batch(decoded)
    assert decoded == given
    assert (list(enriched.indexes), enriched.rejects) == ([1, 3, 5], given.rejects)


@pytest.mark.parametrize(
    ("milliseconds", "flags"),
    [
        (-5_000, ()),
        (0, ()),
        (60_000, ()),
        (60_001, ("timestamp_ahead",)),
        (86_400_000, ("timestamp_ahead",)),
    ],
)
def test_a_clock_more_than_a_minute_ahead_of_the_record_is_flagged(
    milliseconds: int, flags: tuple[str, ...]
) -> None:
    """The timestamp stays as it was sent."""
    [result] = enrich_batch(batch(login(), record_time=SECOND * 1_000 - milliseconds)).logins
    assert (result.timestamp, result.quality) == (SECOND, flags)


@pytest.mark.parametrize("record_time", [-1, 0, SECOND, FIRST_RECORD_TIME - 1])
def test_a_record_without_a_usable_time_flags_no_clock(record_time: int) -> None:
    """A record time that is absent, or before 2000, tells nothing of a login's clock."""
    [result] = enrich_batch(batch(login(), record_time=record_time)).logins
    assert result.quality == ()


def test_only_the_login_that_is_ahead_is_flagged_among_its_other_faults() -> None:
    """Flags stay sorted."""
    given = batch(login(), login(locale=None, device_type="x"), login())
    given.source.timestamps[3] -= 90_000
    enriched = enrich_batch(given)
    flags = ("missing_locale", "timestamp_ahead", "unrecognised_device_type")
    assert [result.quality for result in enriched.logins] == [(), flags, ()]
