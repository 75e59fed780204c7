"""Work to be counted, by name: `python -m tests.cost.work NAME`.

Each prepares the same batches of logins first, so the difference between two counts is the work.
"""

import re
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache, partial

import msgspec

from benchmarks.profile import record_batches
from monitoring import observe
from monitoring.health import HEALTH
from operators.breaker import BreakerLogic, counts
from operators.decode import decode_batch
from operators.encode import encode_batch
from operators.enrich import enrich_batch
from operators.event_time import Windowing
from operators.lateness import LatenessLogic
from operators.report import ReportLogic, tally
from operators.stats import LoginStats
from operators.summarise import summarise
from operators.windows import WindowConfig, WindowsLogic
from records import RecordBatch
from tests.support.stopped import stop

__all__ = ["WORKS"]

BATCHES = 4
WINDOWING = Windowing(60, 10)
WINDOWS = WindowConfig(WINDOWING, 1, 60, lambda: True, warn=stop, on_incompatible=stop)


def process(batches: list[RecordBatch]) -> None:
    """Take batches through the login flow's operators, from decode to windows and report."""
    lateness: LatenessLogic[LoginStats] = LatenessLogic(WINDOWING)
    windows, breaker, report = WindowsLogic(WINDOWS), BreakerLogic(0.5), ReportLogic(100)
    for batch in batches:
        enriched = enrich_batch(decode_batch(batch))
        encode_batch(enriched)
        [summary], _ = lateness.on_batch([summarise(enriched, WINDOWING)])
        windows.on_batch([summary])
        breaker.on_batch([counts(summary)])
        report.on_batch([tally(summary)])
        for logic in (lateness, windows, breaker, report):
            logic.snapshot()


def observe_batches(batches: list[RecordBatch], times: int) -> None:
    """Note so many times all that monitoring notes of a batch on its way."""
    enriched = enrich_batch(decode_batch(batches[0]))
    output, tallied = encode_batch(enriched), tally(summarise(enriched, WINDOWING))
    for _ in range(times):
        HEALTH.polled(0)
        observe.lag(0, 0)
        observe.batch_read(len(output.records))
        observe.late_checked("observe", tallied)
        observe.watermark_advanced(0)
        observe.written(0.03)
        observe.batch_written(output)
        observe.snapshot_taken(0.03)


class _Sent(msgspec.Struct):
    user_id: str
    device_id: str
    ip: str = ""
    app_version: str = ""
    timestamp: int | str = 0


class _Written(msgspec.Struct):
    user_id: str
    device_id: str
    network: str
    category: str
    timestamp: int


_read = msgspec.json.Decoder(_Sent).decode
_write = msgspec.json.Encoder().encode
_match_network = re.compile(r"([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.[0-9]{1,3}").fullmatch


@lru_cache(1_000)
def _category(version: str) -> str:
    return version.partition(".")[0]


def reference(batches: list[RecordBatch]) -> None:
    """Do the least that any such program does; it never changes, so that others are told by it.

    It has the flow's mixture of parsing, matching, remembered texts, structs and writing, so an
    interpreter that is built otherwise makes both faster or slower alike.
    """
    for batch in batches:
        written = []
        for value in batch.values:
            sent = _read(value or b"")
            match = _match_network(sent.ip)
            network = match[1] if match else ""
            category = _category(sent.app_version)
            seconds = int(sent.timestamp)
            written.append(_Written(sent.user_id, sent.device_id, network, category, seconds))
        assert all(map(_write, written))


WORKS: Mapping[str, Callable[[list[RecordBatch]], None]] = {
    "nothing": lambda _batches: None,
    "reference": reference,
    "process": process,
    "prepare-to-observe": partial(observe_batches, times=0),
    "observe": partial(observe_batches, times=BATCHES),
}

if __name__ == "__main__":
    WORKS[sys.argv[1]](record_batches(BATCHES))
