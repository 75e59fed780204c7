"""What the flow takes when there is nothing to do: a share of a core.

python -m benchmarks.idle [--seconds 60]
"""

import argparse
import time
from pathlib import Path

from benchmarks.bench import START_LOGINS, Bench, local_bench
from benchmarks.feed import Feed
from benchmarks.live import cpu_seconds, live_flow

__all__ = ["idle", "main"]

DATA = Path(".local/benchmarks-idle")
PROCESSES = (1, 2)
START_SECONDS = 15.0  # until the input is processed and all caches are filled


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle")
    parser.add_argument("--seconds", type=int, default=60, help="to watch: %(default)s")
    options = parser.parse_args()
    with local_bench(DATA) as bench:
        feed = bench.feed(START_LOGINS)
        for processes in PROCESSES:
            share = idle(bench, feed, processes, options.seconds)
            print(f"idle, {processes} process(es): {share:.2%} of a core", flush=True)


def idle(bench: Bench, feed: Feed, processes: int, seconds: float) -> float:
    """Return the flow's seconds of CPU per second, on an input that was read to its end."""
    with live_flow(bench, feed, f"idle{processes}", processes) as flow:
        time.sleep(START_SECONDS)
        before = cpu_seconds(flow)
        time.sleep(seconds)
        return (cpu_seconds(flow) - before) / seconds


if __name__ == "__main__":
    main()
