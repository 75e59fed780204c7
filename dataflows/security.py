"""The security flow: processed logins in, alerts of what is unusual about them out.

    python -m bytewax.run dataflows.security

It runs beside the login flow, with the same settings and a recovery folder of its own. Sources,
sinks and the windowed fold are the login flow's; only the detectors are new.
"""

from functools import partial
from threading import Event

import bytewax.operators as op
import structlog
from bytewax.dataflow import Dataflow

from connectors.group_offsets import GroupOffsets
from connectors.sink import TransactionalKafkaSink
from connectors.source import KafkaBatchSource
from connectors.stopping import StopSink, drain_on_signals, stop_process
from connectors.topics import FlowTopics
from connectors.upserts import UpsertSink
from dataflows.start import start
from logs import configure_logs
from models import Alert
from monitoring import observe
from operators.alert_log import WindowLog, log_alerts
from operators.alerts import Findings, alert_records, findings
from operators.breaker import breaker, counts
from operators.bursts import bursts
from operators.detectors import Thresholds
from operators.event_time import Windowing
from operators.fold import WindowConfig
from operators.late_watch import LateWatch
from operators.lateness import lateness
from operators.login_columns import summarise_columns
from operators.processed import read_processed_batch, rejects_only
from settings import Settings, load_flow_settings

log = structlog.get_logger()

NO_INPUT = "start the login flow (python -m bytewax.run dataflows.login), or set OUTPUT_TOPIC"


def flow() -> Dataflow:
    """Build the flow that `python -m bytewax.run dataflows.security` runs."""
    settings = security_settings(load_flow_settings())
    configure_logs(settings)
    draining = drain_on_signals()
    return start(security_flow, settings, draining, NO_INPUT)


def security_settings(settings: Settings) -> Settings:
    """Return the settings under which the shared parts read what the login flow writes.

    Alerts replace each other by key, as insights do, so ALERTS_TOPIC serves as the topic of
    insights. There are no other outputs, so it serves as the output topic as well.
    """
    return settings.model_copy(
        update={
            "kafka_group_id": f"{settings.kafka_group_id}-security",
            "input_topic": settings.output_topic,
            "output_topic": settings.alerts_topic,
            "insights_topic": settings.alerts_topic,
            "dead_letter_topic": f"{settings.alerts_topic}-dlq",
        }
    )


def security_flow(settings: Settings, topics: FlowTopics, draining: Event) -> Dataflow:
    """Wire the flow. Steps keep their names: by these the recovery folder knows their state.

    Args:
        settings: from security_settings.
        topics: the flow's topics, as found at start.
        draining: ends reading when set.
    """
    flow = Dataflow("security")
    offsets = GroupOffsets(settings, topics)
    records = op.input("read", flow, KafkaBatchSource(settings, topics, draining, offsets))
    logins = op.map("decode", records, read_processed_batch)
    encoded = op.map("encode", logins, rejects_only)
    outputs = op.key_on("by-partition", encoded, lambda batch: batch.key)
    op.output("write", outputs, TransactionalKafkaSink(settings, topics, offsets))

    windowing = Windowing(settings.alert_window_seconds, settings.alert_lateness_seconds)
    summaries = op.map("summarise", logins, partial(summarise_columns, windowing=windowing))
    checked = lateness("lateness", summaries, windowing, stop_process)
    config = window_config(settings, windowing, topics, draining)
    found = findings("findings", checked, config, thresholds(settings))
    late_watch = LateWatch(log.warning, f"ALERT_LATENESS_SECONDS={windowing.lateness}")
    logged = op.inspect("log", found, partial(log_windows, WindowLog(late_watch)))
    alerts = bursts("bursts", logged, thresholds(settings), stop_process)
    counted = op.inspect("observe", alerts, partial(log_and_count_alerts, settings.alerts_topic))
    written = op.flat_map("alerts", counted, alert_records)
    op.output("upsert", written, UpsertSink(settings, topics))

    totals = op.map("count", checked, counts)
    stops = breaker("breaker", totals, settings.max_dead_letter_ratio, stop_process)
    op.output("stop", stops, StopSink())
    return flow


def thresholds(settings: Settings) -> Thresholds:
    """Return what is unusual."""
    return Thresholds(
        network_users=settings.alert_network_users,
        user_networks=settings.alert_user_networks,
        user_locales=settings.alert_user_locales,
        burst_logins=settings.alert_burst_logins,
        burst_factor=settings.alert_burst_factor,
    )


def window_config(
    settings: Settings, windowing: Windowing, topics: FlowTopics, draining: Event
) -> WindowConfig:
    """Return the configuration of the windowed fold."""
    return WindowConfig(
        windowing=windowing,
        partitions=topics.partitions,
        idle_seconds=settings.idle_partition_seconds,
        at_end=lambda: settings.stop_at_end and not draining.is_set(),
        warn=log.warning,
        on_incompatible=stop_process,
        on_watermark=observe.watermark_advanced,
        length_setting="ALERT_WINDOW_SECONDS",
        topic_setting="ALERTS_TOPIC",
    )


def log_windows(window_log: WindowLog, _step_id: str, findings: Findings) -> None:
    """Log and count what was checked; to be given to the engine's `inspect`."""
    observe.late(findings.late)
    window_log.count(findings)


def log_and_count_alerts(topic: str, step_id: str, alerts: tuple[Alert, ...]) -> None:
    """Log and count alerts; to be given to the engine's `inspect`."""
    observe.alerted(step_id, alerts)
    log_alerts(topic, alerts)
