"""The same flow with the engine's own connectors and windows, an item a message: at least once.

    python -m bytewax.run benchmarks.stock_bytewax

The windows are summed up by input partition first, so that each clock sees logins in order, and the
sums are then merged by window.
"""

import os
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaError, KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.connectors.kafka import KafkaSourceMessage as Message
from bytewax.dataflow import Dataflow

from benchmarks.feed import EPOCH, WINDOW_SECONDS
from benchmarks.per_message import Minute, process, to_json
from models import ProcessedLogin

__all__ = ["flow"]

BATCH = 2_000  # from one poll; the engine's 1,000 is slower
LATENESS = timedelta(seconds=10)
WINDOW = timedelta(seconds=WINDOW_SECONDS)
ALIGNED_TO = datetime.fromtimestamp(EPOCH, UTC)
SOURCE = {
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "fetch.queue.backoff.ms": "20",
}
# The sink flushes after each batch, so there is nothing to linger for.
SINK = {
    "compression.type": "lz4",
    "linger.ms": "5",
    "batch.size": "1000000",
    "enable.idempotence": "true",
}

Bytes = bytes | None
Kept = tuple[str, ProcessedLogin]
Output = KafkaSinkMessage[Bytes, Bytes]


def flow() -> Dataflow:
    """Build the flow."""
    servers = [os.environ["KAFKA_BOOTSTRAP_SERVERS"]]
    flow = Dataflow("stock")
    source = KafkaSource(
        servers, [os.environ["INPUT_TOPIC"]], tail=False, add_config=SOURCE, batch_size=BATCH
    )
    messages = op.input("read", flow, source)
    logins = op.filter_map("process", messages, _process)
    outputs = op.map("encode", logins, _encode)
    op.output("write", outputs, KafkaSink(servers, os.environ["OUTPUT_TOPIC"], SINK))

    clock = win.EventClock(_time, LATENESS, to_system_utc=lambda at: at + LATENESS)
    windower = win.TumblingWindower(WINDOW, ALIGNED_TO)
    parts = win.fold_window(
        "minutes", logins, clock, windower, Minute, Minute.add, Minute.merge, ordered=False
    )
    by_window = op.map("by-window", parts.down, lambda part: (str(part[1][0]), part[1][1]))
    merged = op.stateful_map("merge", by_window, _merge)
    insights = op.map("insight", merged, _insight)
    op.output("upsert", insights, KafkaSink(servers, os.environ["INSIGHTS_TOPIC"], SINK))
    return flow


def _process(message: Message[Bytes, Bytes] | KafkaError[Bytes, Bytes]) -> Kept | None:
    """Return a login with its partition, by which it is counted; None for what is none."""
    if not isinstance(message, Message) or message.timestamp is None:
        return None
    login = process(message.value, message.timestamp[1])
    return None if login is None else (str(message.partition), login)


def _encode(kept: Kept) -> Output:
    _, login = kept
    return KafkaSinkMessage(login.user_id.encode(), to_json(login))


def _time(login: ProcessedLogin) -> datetime:
    return datetime.fromtimestamp(login.timestamp, UTC)


def _merge(whole: Minute | None, part: Minute) -> tuple[Minute, Minute]:
    whole = whole.merge(part) if whole else part
    return whole, whole


def _insight(minute: tuple[str, Minute]) -> Output:
    window, totals = minute
    return KafkaSinkMessage(*totals.record(EPOCH + int(window) * WINDOW_SECONDS))
