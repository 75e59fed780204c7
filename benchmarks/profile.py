"""Where the time of a login goes within the operators: `make profile`.

    python -m benchmarks.profile

Two views of the same batches, held in memory, with no Kafka and no engine: CPU of each operator by
a plain clock, and the functions in them by cProfile, which makes short functions look longer than
they are. What is missing to the whole, which `make bench-quick` tells, are the client's threads,
the system, and the engine.
"""

import cProfile
import pstats
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.feed import Feed
from operators.decode import decode_batch
from operators.encode import encode_batch
from operators.enrich import enrich_batch
from operators.event_time import Windowing
from operators.summarise import summarise
from records import RecordBatch

__all__ = ["BATCH", "main", "record_batches"]

BATCH = 2_000  # the flow's default
BATCHES = 50
REPEATS = 5  # the fastest counts: what else runs on the machine can only add
FUNCTIONS = 25
WINDOWING = Windowing(60, 10)


@dataclass(frozen=True)
class Stage:
    """An operator, with what the ones before it made of each batch."""

    name: str
    work: Callable[[Any], Any]
    batches: list[Any]


def main() -> None:
    """Print both views."""
    stages = _stages(record_batches(BATCHES))
    times = {stage.name: _microseconds(stage) for stage in stages}
    print("CPU per login, microseconds:")
    for name, microseconds in times.items():
        print(f"  {name:<10} {microseconds:6.3f}")
    print(f"  {'sum':<10} {sum(times.values()):6.3f}\n")
    _profile(stages)


def record_batches(count: int) -> list[RecordBatch]:
    """Return full batches as the source makes them of one partition, written as the logins were."""
    feed = Feed(BATCH * count, partitions=1)
    return [
        _record_batch(feed, range(first, first + BATCH)) for first in range(0, feed.records, BATCH)
    ]


def _record_batch(feed: Feed, numbers: range) -> RecordBatch:
    return RecordBatch(
        topic="user-login",
        partition=0,
        start=0,
        next_offset=numbers.stop,
        offsets=numbers,
        timestamps=[feed.timestamp(number) * 1_000 for number in numbers],
        values=[feed.value(number) for number in numbers],
        origins=[],
    )


def _stages(batches: list[RecordBatch]) -> list[Stage]:
    decoded = [decode_batch(batch) for batch in batches]
    enriched = [enrich_batch(batch) for batch in decoded]
    return [
        Stage("decode", decode_batch, batches),
        Stage("enrich", enrich_batch, decoded),
        Stage("encode", encode_batch, enriched),
        Stage("summarise", partial(summarise, windowing=WINDOWING), enriched),
    ]


def _microseconds(stage: Stage) -> float:
    return min(_once(stage) for _ in range(REPEATS)) / (BATCH * len(stage.batches)) * 1e6


def _once(stage: Stage) -> float:
    begin = time.process_time()
    for batch in stage.batches:
        stage.work(batch)
    return time.process_time() - begin


def _profile(stages: list[Stage]) -> None:
    profiler = cProfile.Profile()
    with profiler:
        for stage in stages:
            _once(stage)
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(FUNCTIONS)


if __name__ == "__main__":
    main()
