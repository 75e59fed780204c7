"""The login flow: raw logins in, clean events, dead letters and insights out.

    python -m bytewax.run dataflows.login

The README has the same picture.
"""

from collections.abc import Callable
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
from monitoring import observe
from operators.breaker import breaker, counts
from operators.decode import decode_batch
from operators.encode import encode_batch
from operators.enrich import enrich_batch
from operators.event_time import Windowing
from operators.insights import insight_records
from operators.late_watch import LateWatch
from operators.lateness import lateness
from operators.privacy import pseudonyms
from operators.report import late_tally, report, tally
from operators.summarise import summarise
from operators.windows import WindowConfig, windows
from settings import Settings, load_flow_settings
from terminal.sink import TerminalSink

log = structlog.get_logger()


def flow() -> Dataflow:
    """Build the flow that `python -m bytewax.run dataflows.login` runs."""
    settings = load_flow_settings()
    configure_logs(settings)
    draining = drain_on_signals()
    return start(login_flow, settings, draining)


def pseudonym(settings: Settings) -> Callable[[str], str] | None:
    """Return the function that hashes user and device ids; None unless USER_ID_KEY is set."""
    key = settings.user_id_key
    return pseudonyms(key.get_secret_value()) if key else None


def login_flow(settings: Settings, topics: FlowTopics, draining: Event) -> Dataflow:
    """Wire the flow. Never rename a step: the recovery folder finds its state by its name."""
    flow = Dataflow("login")
    offsets = GroupOffsets(settings, topics)
    records = op.input("read", flow, KafkaBatchSource(settings, topics, draining, offsets))
    decoded = op.map("decode", records, decode_batch)
    enriched = op.map("enrich", decoded, partial(enrich_batch, pseudonym=pseudonym(settings)))
    encoded = op.map("encode", enriched, encode_batch)
    outputs = op.key_on("by-partition", encoded, lambda batch: batch.key)
    op.output("write", outputs, TransactionalKafkaSink(settings, topics, offsets))

    windowing = Windowing(settings.window_seconds, settings.allowed_lateness_seconds)
    summaries = op.map("summarise", enriched, partial(summarise, windowing=windowing))
    checked = lateness("lateness", summaries, windowing, stop_process)
    results = windows("windows", checked, window_config(settings, topics, draining))
    insights = op.flat_map("insights", results, lambda results: insight_records(results.insights))
    op.output("upsert", insights, UpsertSink(settings, topics))

    counted = op.map("count", checked, counts)
    stops = breaker("breaker", counted, settings.max_dead_letter_ratio, stop_process)
    op.output("stop", stops, StopSink())

    tallies = op.merge(
        "tallies", op.map("tally", checked, tally), op.map("late", results, late_tally)
    )
    tallies = op.inspect("observe", tallies, observe.late_checked)
    late_watch = LateWatch(
        log.warning, f"ALLOWED_LATENESS_SECONDS={settings.allowed_lateness_seconds}"
    )
    reports = report("report", tallies, settings.report_every, stop_process, late_watch.count)
    op.output("print", reports, TerminalSink())
    return flow


def window_config(settings: Settings, topics: FlowTopics, draining: Event) -> WindowConfig:
    """Return the configuration of the windowed fold."""
    return WindowConfig(
        windowing=Windowing(settings.window_seconds, settings.allowed_lateness_seconds),
        partitions=topics.partitions,
        idle_seconds=settings.idle_partition_seconds,
        at_end=lambda: settings.stop_at_end and not draining.is_set(),
        warn=log.warning,
        on_incompatible=stop_process,
        on_watermark=observe.watermark_advanced,
    )
