"""What came out against what went in: each login and dead letter once, each window equal."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from models import Insight, ProcessedLogin
from producer.hostile import RECORD
from tests.crash.feed import HOSTILE
from tests.crash.oracle import processed
from tests.support.flow import Flow
from tests.support.window_oracle import WindowOracle, assert_same_windows

__all__ = ["Audit", "audit", "compare", "dead_letters"]

FATES = {message.value: message.expected for message in HOSTILE}
WINDOW_SECONDS, LATENESS_SECONDS = 60, 10  # the flow's defaults
LONGEST_COUNTED, OTHER = 64, "other"  # bytes of a value that insights count by itself


@dataclass
class Audit:
    """A verdict.

    Attributes:
        checked: records that went in.
        lost: records that should have come out and didn't, or not as they should.
        twice: records that came out more often than they should.
        windows: how many windows were compared.
        alerts: how many alerts were.
        faults: what else is wrong, one line each.
    """

    checked: int = 0
    lost: int = 0
    twice: int = 0
    windows: int = 0
    alerts: int = 0
    faults: list[str] = field(default_factory=list)


def audit(flow: Flow, sent: int) -> Audit:
    """Read all topics and judge.

    Args:
        flow: whose topics to read.
        sent: how many records the feed sent.
    """
    records = flow.topics.read(flow.input)
    result = Audit(checked=len(records))
    if len(records) != sent:
        result.faults.append(f"the feed sent {sent} records, the input has {len(records)}")
    good = [record for record in records if FATES.get(record.value, RECORD) == RECORD]
    logins = [(record.partition, processed(record.value)) for record in good]
    compare(result, map(_identity, (login for _, login in logins)), _outputs(flow))
    bad = (r for r in records if FATES.get(r.value, RECORD) != RECORD)
    letters = ((r.partition, r.offset, FATES[r.value], r.value) for r in bad)
    compare(result, letters, dead_letters(flow, flow.dead_letter_topic))
    _compare_windows(result, flow, logins)
    return result


def compare(result: Audit, wanted: Iterable[Any], found: Iterable[Any]) -> None:
    """Count what is missing and what is there too often, and tell of a few."""
    expected, actual = Counter(wanted), Counter(found)
    lost, twice = expected - actual, actual - expected
    result.lost += lost.total()
    result.twice += twice.total()
    result.faults += [f"lost: {one!r}" for one in list(lost)[:2]]
    result.faults += [f"twice or wrong: {one!r}" for one in list(twice)[:2]]


def _identity(login: ProcessedLogin) -> bytes:
    """All of a login but when it was processed."""
    return msgspec.json.encode(msgspec.structs.replace(login, processed_at=""))


def _outputs(flow: Flow) -> Iterable[bytes]:
    for record in flow.topics.read(flow.output):
        login = msgspec.json.decode(record.value, type=ProcessedLogin)
        assert record.key == login.user_id.encode()
        yield _identity(login)


def dead_letters(flow: Flow, topic: str) -> Iterable[tuple[int, int, str, bytes | None]]:
    """Return where each dead letter stood in the input, its reason and its value."""
    for record in flow.topics.read(topic):
        headers = dict(record.headers)
        reason = headers["dlq.reason"].decode()
        yield int(headers["dlq.partition"]), int(headers["dlq.offset"]), reason, record.value


def _compare_windows(result: Audit, flow: Flow, logins: list[tuple[int, ProcessedLogin]]) -> None:
    by_partition = defaultdict(list)
    for partition, login in logins:
        by_partition[partition].append(_as_counted(login))
    oracle = WindowOracle(WINDOW_SECONDS, LATENESS_SECONDS)
    for of_one_partition in by_partition.values():
        oracle.read(of_one_partition)
    records = flow.topics.read(flow.insights_topic)
    insights = [msgspec.json.decode(record.value, type=Insight) for record in records]
    result.windows = len(oracle.windows)
    try:
        assert_same_windows(insights, oracle)
    except AssertionError as error:
        result.faults.append(f"windows differ: {str(error)[:500]}")


def _as_counted(login: ProcessedLogin) -> ProcessedLogin:
    """Insights count long values under `other`."""
    texts = {name: getattr(login, name) for name in ("app_version", "locale")}
    long = {name: OTHER for name, text in texts.items() if len(text.encode()) > LONGEST_COUNTED}
    return msgspec.structs.replace(login, **long)
