"""Every metric of the flow, declared once, with what it counts.

All are per process, and start again with it: Prometheus expects counters to go back to 0 after a
restart. They are counted whether they are served or not, once per batch and never once per login.
The registry is the client's own, which adds the process's memory, CPU time and start time.
"""

from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics

__all__ = [
    "ALERTS",
    "BATCH_RECORDS",
    "BUILD",
    "DEAD_LETTERS",
    "LAG",
    "LAST_SNAPSHOT",
    "LATENCY",
    "LATE_LOGINS",
    "PROCESSED",
    "QUALITY_FLAGS",
    "READ",
    "SETTINGS",
    "SNAPSHOT_WAIT",
    "TOPIC_CHANGES",
    "TRANSACTION_FAILURES",
    "TRANSACTION_SECONDS",
    "WATERMARK",
]

# Extra metrics with the time at which each counter was created: no query here needs them.
disable_created_metrics()  # type: ignore[no-untyped-call]

# Until there is a value. Comparisons with it are false, so no alert fires.
UNKNOWN = float("nan")

# Input. Counted where it is read: what a restart reads again is counted again.
READ = Counter("login_records_read", "Records read from the input topic.")
BATCH_RECORDS = Histogram(
    "login_batch_records",
    "Records in a batch as it was read; empty batches are left out.",
    buckets=(1, 10, 50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000, 100_000),
)
LAG = Gauge(
    "login_lag_records",
    "Offsets of an input partition that are not read yet, transaction markers included; measured "
    "every 5 seconds, by the process that reads the partition.",
    ["partition"],
)

TOPIC_CHANGES = Counter(
    "login_topic_changes",
    "Changes of topics that ended the process. For the input topic: deleted; recreated; grown (it "
    "has more partitions, which the next start reads). output_deleted: a topic that the flow "
    "writes to was deleted.",
    ["kind"],
)

# Output. Counted when the transaction is committed (with at-least-once delivery: when the progress
# record is acknowledged), so what a replay leaves out is not counted twice.
PROCESSED = Counter("login_processed", "Logins written to the output topic.")
DEAD_LETTERS = Counter("login_dead_letters", "Records written to the dead letters.", ["reason"])
LATENCY = Histogram(
    "login_latency_seconds",
    "From the Kafka timestamp of a batch's first record, which waited longest, to the commit; once "
    "per batch, so a login's own latency is lower.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600),
)
TRANSACTION_SECONDS = Histogram(
    "login_transaction_seconds",
    "From the first record of a transaction to its commit, for insights too; with at-least-once "
    "delivery, to the last acknowledgement.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
TRANSACTION_FAILURES = Counter(
    "login_transaction_failures",
    "Attempts to write that failed. retried: tried again, for as long as Kafka is away; fenced: "
    "another process took over, or the transaction took too long, and this process ends; fatal: an "
    "unrecoverable error, and the process ends.",
    ["kind"],
)

# Event time. Counted after lateness was checked: what a restart reads again is counted again.
QUALITY_FLAGS = Counter("login_quality_flags", "Soft faults of logins, by flag.", ["flag"])
LATE_LOGINS = Counter("login_late", "Logins that came too late for their window.")
WATERMARK = Gauge(
    "login_watermark_timestamp_seconds",
    "The watermark: event time up to which windows are closed; set in the one process that keeps "
    "the windows, NaN in the others. Now minus this is the watermark's delay.",
)

# The security flow's. Counted when windows are checked, like late logins.
ALERTS = Counter("login_alerts", "Alerts, by kind; a replay counts them again.", ["kind"])

# Recovery. How long the engine takes to write a snapshot is unknown, only when it did.
SNAPSHOT_WAIT = Histogram(
    "login_snapshot_wait_seconds",
    "How long a snapshot of a sink partition waited for the pending transaction.",
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60),
)
LAST_SNAPSHOT = Gauge(
    "login_last_snapshot_timestamp_seconds",
    "When the engine last wrote into this process's recovery folder; NaN without one, or if the "
    "folder is empty, since another process of the cluster keeps the state.",
)

# What is running.
BUILD = Info("login_build", "Versions of the software that the process runs on.")
SETTINGS = Info("login_settings", "Settings in force that change what is computed; no secrets.")

WATERMARK.set(UNKNOWN)
LAST_SNAPSHOT.set(UNKNOWN)
