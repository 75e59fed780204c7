"""The flow as it runs for good, watched from outside."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks import topics
from benchmarks.bench import Bench
from benchmarks.contenders import flow_commands
from benchmarks.feed import Feed

__all__ = ["cpu_seconds", "live_flow"]

DRAIN_SECONDS = 30.0


@contextmanager
def live_flow(bench: Bench, feed: Feed, name: str) -> Iterator[psutil.Process]:
    """Run the flow on one process while the block runs, with the settings that it has by default.

    Args:
        bench: where to run.
        feed: what is, or will be, on its input topic, which is there.
        name: what the names of its own topics begin with.
    """
    folder = bench.folder / name
    folder.mkdir()
    topics.make(bench.servers, f"{name}-out", feed.partitions)
    (command,) = flow_commands(folder, 1)
    with (folder / "flow.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own flow
            command,
            cwd=folder,
            env=bench.environment(name, feed, {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(DRAIN_SECONDS)


def cpu_seconds(process: psutil.Process) -> float:
    """Return what a process has taken so far, user and system."""
    times = process.cpu_times()
    return float(times.user + times.system)
