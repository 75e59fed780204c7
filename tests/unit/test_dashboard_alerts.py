"""The alerts that the page knows, and what it says of them."""

import msgspec
import pytest

from dashboard.alerts import AlertLog, alert_row
from insights.windows import UnreadableRecordError
from operators.insights import iso_time
from tests.browser.stage import SPRAY, START

replace = msgspec.structs.replace


def value(**fields: object) -> bytes:
    """Return the record of a spray with other fields."""
    return msgspec.json.encode(replace(SPRAY, **fields))


@pytest.mark.parametrize(
    ("fields", "evidence"),
    [
        ({}, "1,234 users in 2,000 logins"),
        ({"final": False}, "1,234 users in 2,000 logins so far"),
        ({"kind": "many_networks", "count": 12, "logins": 13}, "12 networks in 13 logins"),
        ({"kind": "many_locales", "count": 3, "logins": 3}, "3 places in 3 logins"),
        ({"kind": "network_burst", "count": 2_000, "usual": 0.0}, "2,000 logins, usually 0.0"),
        ({"kind": "a_later_one"}, "1,234 a_later_one"),
    ],
)
def test_evidence_is_told_in_words(fields: dict[str, object], evidence: str) -> None:
    """For each kind, also one that a later version may add."""
    assert alert_row(value(**fields)).evidence == evidence


@pytest.mark.parametrize(
    "broken",
    [b"", b"{}", b"\xff", value(count=-1), value(count=2**60), value(window_start="today")],
)
def test_what_is_no_alert_is_refused(broken: bytes) -> None:
    """And leaves what is known as it was."""
    log = AlertLog()
    with pytest.raises(UnreadableRecordError):
        log.apply(b"k", broken)
    assert log.newest(9) == ()


def test_newest_alerts_are_kept() -> None:
    """Of many, in whatever order they come; deleted ones are gone."""
    log = AlertLog(limit=3)
    for number in (5, 1, 4, 2, 3):
        log.apply(b"%d" % number, value(window_start=iso_time(START + 60 * number)))
    assert [(row.start - START) // 60 for row in log.newest(9)] == [5, 4, 3]
    assert [(row.start - START) // 60 for row in log.newest(2)] == [5, 4]
    log.apply(b"4", None)
    assert [(row.start - START) // 60 for row in log.newest(9)] == [5, 3]


def test_alert_with_a_known_key_replaces_the_old_one() -> None:
    """It is counted once."""
    log = AlertLog()
    log.apply(b"k", value(count=1))
    log.apply(b"k", value(count=2))
    assert [row.evidence for row in log.newest(9)] == ["2 users in 2,000 logins"]


def test_long_texts_are_cut() -> None:
    """What comes from outside has no say in the page's memory."""
    row = alert_row(value(subject="s" * 10**6, kind="k" * 10**6, sample=("x" * 10**6,)))
    assert max(map(len, (row.subject, row.title, row.evidence, row.sample))) < 150
