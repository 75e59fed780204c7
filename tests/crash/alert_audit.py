"""What the security flow wrote against what it read: each alert and dead letter, once."""

from collections import defaultdict

from dataflows.security import thresholds
from models import Alert, ProcessedLogin
from operators.processed import read_processed
from settings import Settings
from tests.crash.alert_feed import FATES
from tests.crash.audit import Audit, compare, dead_letters
from tests.support.alert_oracle import AlertOracle
from tests.support.flow import Flow
from tests.support.security import alerts, dead_letter_topic

__all__ = ["audit_alerts"]


def audit_alerts(flow: Flow, sent: int) -> Audit:
    """Read all topics and judge.

    Args:
        flow: whose topics to read.
        sent: how many records the feed sent.
    """
    records = flow.topics.read(flow.output)
    result = Audit(checked=len(records))
    if len(records) != sent:
        result.faults.append(f"the feed sent {sent} records, the input has {len(records)}")
    bad = [one for one in records if one.value in FATES]
    letters = ((one.partition, one.offset, FATES[one.value], one.value) for one in bad)
    compare(result, letters, dead_letters(flow, dead_letter_topic(flow)))
    by_partition = defaultdict(list)
    for one in records:
        login = read_processed(one.value)
        if isinstance(login, ProcessedLogin):
            by_partition[one.partition].append(login)
    oracle = AlertOracle(thresholds(Settings()))
    for logins in by_partition.values():
        oracle.read(logins)
    result.windows = len(oracle.windows)
    _compare_alerts(result, oracle.alerts(), alerts(flow))
    return result


def _compare_alerts(
    result: Audit, wanted: dict[str, Alert], found: list[tuple[str, Alert]]
) -> None:
    """A record that is written again has to say the same, so that each key is one alert."""
    result.alerts = len(wanted)
    written = set(found)
    compare(result, wanted.items(), written & wanted.items())
    wrong = sorted(key for key, _ in written - wanted.items())
    result.faults += [f"an alert that is changed or made up: {key}" for key in wrong]
