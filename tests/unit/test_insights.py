import msgspec

from models import Insight
from operators.insights import insight_records, iso_time, make_insight
from operators.stats import LoginStats
from tests.support.batches import processed
from tests.support.window_fold import WINDOWING


def test_largest_possible_record_fits_a_kafka_message() -> None:
    """Values of 64 control characters, each six bytes in JSON, in both maps that are open."""
    values = [f"{n:04}" + "\x01" * 60 for n in range(2_000)]
    stats = LoginStats()
    stats.add([processed(5, f"user {value}", value) for value in values])
    stats.app_versions.add(values)
    stats.users.add(f"{n}" for n in range(100_000))
    ((_, record),) = insight_records([make_insight(0, stats, WINDOWING, final=True)])
    assert len(record["value"]) < 900_000


def test_record_is_the_contract_s_json_and_its_key_the_window_s_start() -> None:
    """Field by field, in the documented order."""
    stats = LoginStats()
    stats.add([processed(60, "a", quality=["missing_ip"]), processed(61, "a", "NY")])
    ((key, record),) = insight_records([make_insight(60, stats, WINDOWING, final=False)])
    assert key == record["key"] == "1970-01-01T00:01:00Z"
    fields = msgspec.json.decode(record["value"])
    assert isinstance(fields.pop("users_sketch"), str)
    assert list(fields.items()) == [
        ("window_start", "1970-01-01T00:01:00Z"),
        ("window_end", "1970-01-01T00:02:00Z"),
        ("logins", 2),
        ("unique_users", 1),
        ("device_types", {"iOS": 2}),
        ("app_versions", {"2.3.0": 2}),
        ("version_categories", {"current": 2}),
        ("locales", {"CA": 1, "NY": 1}),
        ("quality", {"missing_ip": 1}),
        ("final", False),
    ]
    assert msgspec.json.decode(record["value"], type=Insight).users_sketch == stats.users.to_bytes()


def test_last_window_of_all_has_an_end() -> None:
    """ISO 8601 has no year 10000 in four digits."""
    assert iso_time(253_402_300_800) == "9999-12-31T23:59:59Z"
