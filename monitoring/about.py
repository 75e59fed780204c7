"""Metrics that are set once, at startup: versions, settings, the time of the last snapshot."""

import platform
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

from connectors.topic_changes import KINDS
from monitoring import metrics
from operators.batches import Reason
from settings import Settings

__all__ = ["last_written", "set_process_metrics"]

# What affects the outputs, the windows or their delay. An allowlist, since a denylist would miss
# the next secret.
SHOWN_SETTINGS = (
    "kafka_group_id",
    "input_topic",
    "output_topic",
    "insights_topic",
    "dead_letter_topic",
    "delivery_guarantee",
    "batch_size",
    "batch_interval_ms",
    "window_seconds",
    "allowed_lateness_seconds",
    "idle_partition_seconds",
    "max_dead_letter_ratio",
    "on_missing_state",
    "on_unreadable",
    "alert_window_seconds",
    "alert_lateness_seconds",
    "alert_network_users",
    "alert_user_networks",
    "alert_user_locales",
    "alert_burst_logins",
    "alert_burst_factor",
)


def set_process_metrics(settings: Settings, recovery: Path | None) -> None:
    """Set the metrics that don't change while the process runs.

    Args:
        settings: the process's settings.
        recovery: the folder given with `-r`, None without it.
    """
    metrics.BUILD.info(
        {
            "python": platform.python_version(),
            "bytewax": version("bytewax"),
            "confluent_kafka": version("confluent-kafka"),
            "librdkafka": confluent_kafka.libversion()[0],
        }
    )
    metrics.SETTINGS.info({name: str(getattr(settings, name)) for name in SHOWN_SETTINGS})
    if recovery is not None:
        metrics.LAST_SNAPSHOT.set_function(lambda: last_written(recovery))
    # Start at 0, so that the first one counts as an increase.
    for reason in Reason:
        metrics.DEAD_LETTERS.labels(str(reason))
    for kind in ("retried", "fenced", "fatal"):
        metrics.TRANSACTION_FAILURES.labels(kind)
    for kind in KINDS:
        metrics.TOPIC_CHANGES.labels(kind)


def last_written(recovery: Path) -> float:
    """Return when the engine last wrote into a recovery folder, NaN if it never did."""
    try:
        times = [file.stat().st_mtime for file in recovery.glob("part-*.sqlite3*")]
    except FileNotFoundError:  # SQLite deletes its log when the engine ends
        return metrics.UNKNOWN
    return max(times, default=metrics.UNKNOWN)
