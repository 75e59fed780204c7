"""How long a login takes from its arrival on the input topic until its output can be read.

    python -m benchmarks.latency [--rate 1000] [--seconds 60]

The clock starts with the time that the broker gives the input record, and stops when a reader of
committed records has the output. Both are on this machine, so their clocks are one.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from benchmarks import topics
from benchmarks.bench import Bench, input_topic, local_bench
from benchmarks.feed import NUMBER_DIGITS, PARTITIONS, Feed
from benchmarks.live import cpu_seconds, live_flow

__all__ = ["Latencies", "latencies", "main", "summary"]

DATA = Path(".local/benchmarks-latency")
START_SECONDS = 15.0  # until the flow reads: measured from then on
WARM_UP_SECONDS = 5  # of load, not measured: the first batch of each partition opens its sink
TICK_SECONDS = 0.005  # the logins of so long are sent together: a fifth of what is to be seen
LATEST_SECONDS = 30.0  # an output that takes longer counts as lost


class _Device(msgspec.Struct):
    device_id: str


@dataclass(frozen=True)
class Latencies:
    """What was found, in milliseconds; and the flow's CPU, as a share of a core.

    Attributes:
        count: logins measured.
        p50: half of them took no longer.
        p99: 99 % of them took no longer.
        longest: of them all.
        cpu: seconds of CPU per second.
    """

    count: int
    p50: float
    p99: float
    longest: float
    cpu: float


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency")
    parser.add_argument("--rate", type=int, default=1_000, help="logins per second: %(default)s")
    parser.add_argument("--seconds", type=int, default=60, help="of load: %(default)s")
    options = parser.parse_args()
    with local_bench(DATA) as bench:
        found = latencies(bench, options.rate, options.seconds)
    print(
        f"{found.count:,} logins at {options.rate:,} per second: p50 {found.p50:.0f} ms, "
        f"p99 {found.p99:.0f} ms, longest {found.longest:.0f} ms; {found.cpu:.1%} of a core"
    )


def latencies(bench: Bench, rate: int, seconds: int) -> Latencies:
    """Run the flow under a steady load.

    Raises:
        RuntimeError: an output is missing.
    """
    feed = Feed(rate * (WARM_UP_SECONDS + seconds))
    topic = input_topic(feed)
    append = {"message.timestamp.type": "LogAppendTime"}
    topics.make(bench.servers, topic, PARTITIONS, **append)
    with live_flow(bench, feed, "latency") as flow:
        time.sleep(START_SECONDS)
        before = cpu_seconds(flow)
        sender = Thread(target=_send, args=(feed, bench.servers, rate), daemon=True)
        sender.start()
        read = _read(bench.servers, "latency-out", feed)
        cpu = (cpu_seconds(flow) - before) / (WARM_UP_SECONDS + seconds)
        sender.join()
    arrived = {
        _number(message.value()): message.timestamp()[1]
        for message in topics.committed(bench.servers, topic)
    }
    measured = range(rate * WARM_UP_SECONDS, feed.records)
    return summary([read[number] - arrived[number] for number in measured], cpu)


def _send(feed: Feed, servers: str, rate: int) -> None:
    """Send all logins at an even pace."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
    begin = time.monotonic()
    for number in range(feed.records):
        while number > (time.monotonic() - begin) * rate:
            producer.poll(TICK_SECONDS)
        producer.produce(
            input_topic(feed),
            key=feed.key(number),
            value=feed.value(number),
            partition=number % feed.partitions,
        )
    producer.flush(LATEST_SECONDS)


def _read(servers: str, topic: str, feed: Feed) -> dict[int, float]:
    """Return when each login's output was read, in ms since the epoch."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "benchmarks-latency",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    places = range(feed.partitions)
    consumer.assign([TopicPartition(topic, place, OFFSET_BEGINNING) for place in places])
    read: dict[int, float] = {}
    last = time.monotonic()
    while len(read) < feed.records:
        messages = consumer.consume(1_000, TICK_SECONDS)
        now = time.time() * 1_000
        read.update((_number(message.value()), now) for message in messages)
        last = time.monotonic() if messages else last
        if time.monotonic() - last > LATEST_SECONDS:
            raise RuntimeError(f"{feed.records - len(read)} outputs did not come")
    consumer.close()
    return read


def _number(value: bytes | None) -> int:
    device = msgspec.json.decode(value or b"", type=_Device).device_id
    return int(device[:NUMBER_DIGITS], 16)


def summary(milliseconds: Sequence[float], cpu: float) -> Latencies:
    """Return the percentiles of some latencies, not empty, in any order."""
    ordered = sorted(milliseconds)
    count = len(ordered)
    return Latencies(count, ordered[count // 2], ordered[count * 99 // 100], ordered[-1], cpu)


if __name__ == "__main__":
    main()
