"""What counting costs, against the work that is counted."""

import time
from collections.abc import Callable

import msgspec

from connectors.records import OutputBatch, RecordBatch
from monitoring import observe
from monitoring.health import HEALTH
from operators.batches import LoginBatch
from operators.decode import decode_batch
from operators.encode import encode_batch
from operators.enrich import enrich_batch
from operators.event_time import Windowing
from operators.report import Tally, tally
from operators.summarise import summarise
from tests.support.logins import login

RECORDS = 2_000  # the default batch
RUNS = 20
MOST = 0.01


def batch() -> RecordBatch:
    """Return a full batch as it is read."""
    values = [msgspec.json.encode(login(number)) for number in range(RECORDS)]
    now = int(time.time() * 1_000)
    return RecordBatch(
        "in", 0, 0, RECORDS, range(RECORDS), [now] * RECORDS, list(values), origins=[]
    )


def processed(records: RecordBatch) -> tuple[OutputBatch, Tally]:
    """Return what the operators make of a batch."""
    enriched = enrich_batch(decode_batch(records), pseudonym=None)
    assert isinstance(enriched, LoginBatch)
    return encode_batch(enriched), tally(summarise(enriched, Windowing(60, 10)))


def observed(output: OutputBatch, tallied: Tally) -> None:
    """Note all that is noted of a batch on its way."""
    HEALTH.polled(0)
    observe.lag(0, 0)
    observe.batch_read(len(output.records))
    observe.judged("observe", tallied)
    observe.watermark_moved(0)
    observe.written(0.03)
    observe.batch_written(output)
    observe.snapshot_taken(0.03)


def seconds(work: Callable[[], object]) -> float:
    """Return the least processor time that a call takes: other programs only add to it."""
    times = []
    for _ in range(RUNS):
        before = time.thread_time()
        work()
        times.append(time.thread_time() - before)
    return min(times)


def test_counting_a_batch_costs_less_than_a_hundredth_of_processing_it() -> None:
    """All that is noted on a batch's way, against the operators alone, without Kafka's part."""
    records = batch()
    output, tallied = processed(records)
    share = seconds(lambda: observed(output, tallied)) / seconds(lambda: processed(records))
    assert share < MOST, f"{share:.2%}"
