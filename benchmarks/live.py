"""The flow as it runs for good, watched from outside."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks import topics
from benchmarks.bench import Bench
from benchmarks.contenders import flow_commands
from benchmarks.feed import Feed

__all__ = ["cpu_seconds", "live_flow"]

DRAIN_SECONDS = 30.0


@contextmanager
def live_flow(
    bench: Bench, feed: Feed, name: str, processes: int = 1
) -> Iterator[list[psutil.Process]]:
    """Run the flow while the block runs, with the settings that it has by default.

    Args:
        bench: where to run.
        feed: what is, or will be, on its input topic, which is there.
        name: what the names of its own topics begin with.
        processes: how many it is a cluster of.
    """
    folder = bench.folder / name
    folder.mkdir()
    topics.make(bench.servers, f"{name}-out", feed.partitions)
    environment = bench.environment(name, feed, {})
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in flow_commands(folder, processes):
            started.append(_start(command, environment, folder / f"{len(started)}.log"))
        yield [psutil.Process(process.pid) for process in started]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(DRAIN_SECONDS)


def _start(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(  # noqa: S603  # our own flow
            command,
            cwd=log.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """Return what processes have taken so far, user and system."""
    times = [process.cpu_times() for process in processes]
    return float(sum(one.user + one.system for one in times))
