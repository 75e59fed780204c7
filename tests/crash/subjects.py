"""The flows that are put to the test: what each is fed, and how what it wrote is judged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.crash import alert_feed, feed
from tests.crash.alert_audit import audit_alerts
from tests.crash.audit import Audit, audit
from tests.support import security
from tests.support.flow import Flow

__all__ = ["LOGIN", "SECURITY", "Subject"]


@dataclass(frozen=True)
class Subject:
    """A flow.

    Attributes:
        entry: its module, with fault points.
        records: makes what it is fed, of a seed, a count and the partitions.
        input: names the topic that it reads.
        progress: names the topic of its progress.
        audit: judges what it wrote, of so many records.
    """

    entry: str
    records: Callable[[int, int, feed.Partitions], Iterator[dict[str, Any]]]
    input: Callable[[Flow], str]
    progress: Callable[[Flow], str]
    audit: Callable[[Flow, int], Audit]


LOGIN = Subject(
    entry="tests.crash.faulty_login",
    records=feed.records,
    input=lambda flow: flow.input,
    progress=lambda flow: flow.progress_topic,
    audit=audit,
)
SECURITY = Subject(
    entry="tests.crash.faulty_security",
    records=alert_feed.records,
    input=lambda flow: flow.output,
    progress=security.progress_topic,
    audit=audit_alerts,
)
