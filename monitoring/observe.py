"""Updates metrics and health: one function for each thing that happens in the flow."""

import time
from collections import Counter
from typing import TYPE_CHECKING

from monitoring import metrics
from monitoring.health import HEALTH

if TYPE_CHECKING:
    from models import Alert
    from operators.report import Tally
    from records import OutputBatch

__all__ = [
    "alerted",
    "batch_read",
    "batch_written",
    "lag",
    "late",
    "late_checked",
    "snapshot_taken",
    "topic_changed",
    "watermark_advanced",
    "write_failed",
    "write_retried",
    "written",
]


def batch_read(records: int) -> None:
    """Count the records of a batch."""
    if records:
        metrics.READ.inc(records)
        metrics.BATCH_RECORDS.observe(records)


def lag(partition: int, offsets: int) -> None:
    """Set how much of an input partition is still to be read."""
    metrics.LAG.labels(str(partition)).set(max(0, offsets))


def written(seconds: float) -> None:
    """Record how long a committed transaction took."""
    metrics.TRANSACTION_SECONDS.observe(seconds)


def batch_written(batch: "OutputBatch") -> None:
    """Count the outputs and dead letters of a committed batch."""
    metrics.PROCESSED.inc(len(batch.records))
    for reason, count in Counter(letter.reason for letter in batch.dead_letters).items():
        metrics.DEAD_LETTERS.labels(str(reason)).inc(count)
    if batch.arrived is not None:
        metrics.LATENCY.observe(max(0.0, time.time() - batch.arrived / 1_000))


def write_retried(worker: int) -> None:
    """Count a retried write, and report that this worker is waiting for Kafka."""
    metrics.TRANSACTION_FAILURES.labels("retried").inc()
    HEALTH.waits_for_kafka(worker)


def write_failed(kind: str) -> None:
    """Count what ends the process: `fenced` or `fatal`."""
    metrics.TRANSACTION_FAILURES.labels(kind).inc()
    HEALTH.ends = True


def topic_changed(kind: str) -> None:
    """Count a change of the flow's topics that ends the process."""
    metrics.TOPIC_CHANGES.labels(kind).inc()
    HEALTH.ends = True


def snapshot_taken(waited: float) -> None:
    """Record how many seconds a snapshot waited for the pending write."""
    metrics.SNAPSHOT_WAIT.observe(waited)


def late_checked(_step_id: str, tally: "Tally") -> None:
    """Count a batch's quality flags and late logins; for the engine's `inspect`."""
    for stats in tally.stats:
        for flag, count in stats.quality.counts().items():
            metrics.QUALITY_FLAGS.labels(flag).inc(count)
    late(tally.late)


def late(logins: int) -> None:
    """Count logins that came too late for their window."""
    metrics.LATE_LOGINS.inc(logins)


def alerted(_step_id: str, alerts: "tuple[Alert, ...]") -> None:
    """Count alerts by kind; for the engine's `inspect`."""
    for alert in alerts:
        metrics.ALERTS.labels(alert.kind).inc()


def watermark_advanced(time: int) -> None:
    """Set the watermark."""
    metrics.WATERMARK.set(time)
