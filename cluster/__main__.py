"""Run the flow as a cluster of processes on this machine, or rescale the one that runs.

    python -m cluster 2               # until Ctrl-C or SIGTERM, which drain it
    python -m cluster 4 --rescale     # drain, then go on with four; returns at once

Each process runs as a pod does in Kubernetes: by deploy/run-process.sh. When one of them ends, the
others end too, and all are started again.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

__all__ = ["Cluster", "main", "rescale"]

PROJECT = Path(__file__).parents[1]
FOLDER = Path(".local/cluster")
ADDRESSES = "127.0.0.1:210%d"  # each process's, with its number in it
MOST_PROCESSES = 10  # the addresses have room for one digit
END_SECONDS = 10.0  # the others end by themselves when one has ended, mostly at once
STOP_SECONDS = 30.0  # a drain takes a few; after this a process is stuck, and ended
POLL_SECONDS = 0.1
RESTART_SECONDS = 2.0  # rest before a restart, so that a fault that stays doesn't spin


class Cluster:
    """Processes that are started, drained and started again together.

    Args:
        folder: of the recovery state, and of what a rescale leaves for the one that runs.
        addresses: a format that gives each process's address, from its number.
    """

    def __init__(self, folder: Path, addresses: str = ADDRESSES) -> None:
        self._folder = folder.absolute()
        self._addresses = addresses
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopping = threading.Event()
        self._draining = threading.Event()

    def run(self, processes: int) -> int:
        """Run so many processes, or as many as a rescale says meanwhile, until told to stop."""
        _wanted(self._folder).parent.mkdir(parents=True, exist_ok=True)
        _wanted(self._folder).write_text(str(processes))
        _supervisor(self._folder).write_text(str(os.getpid()))
        self._listen()
        try:
            while not self._stopping.is_set():
                self._run_once(int(_wanted(self._folder).read_text()))
        finally:
            _supervisor(self._folder).unlink()
        return 0

    def _listen(self) -> None:
        """Drain on the signals that end a program, and on the one that a rescale sends."""
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._drain)

    def _drain(self, signum: int, _frame: FrameType | None) -> None:
        if signum != signal.SIGHUP:
            self._stopping.set()
        self._draining.set()

    def _run_once(self, processes: int) -> None:
        """Run the processes until one of them ends or all shall, and return when all have ended."""
        self._draining.clear()
        _say(f"cluster: starting {processes} processes")
        self._processes = [self._start(number, processes) for number in range(processes)]
        while not self._draining.is_set() and all(one.poll() is None for one in self._processes):
            time.sleep(POLL_SECONDS)
        failed = not self._draining.is_set()
        if failed:
            self._wait(END_SECONDS)
        self._end()
        if failed:
            _say(f"cluster: a process ended ({self._statuses()}): starting all again")
            self._draining.wait(RESTART_SECONDS)

    def _start(self, number: int, processes: int) -> subprocess.Popen[bytes]:
        state = self._folder / f"state-{number}"
        state.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "NAME": f"process-{number}",
            "PROCESSES": str(processes),
            "ADDRESSES": self._addresses,
        }
        return subprocess.Popen(  # noqa: S603  # the command is our own
            ["/bin/sh", "deploy/run-process.sh", str(state)],
            cwd=PROJECT,
            env=environment,
            process_group=0,  # out of reach of the terminal's Ctrl-C
        )

    def _end(self) -> None:
        """Drain what still runs, all at the same time, and wait for it."""
        for one in self._processes:
            one.terminate()
        self._wait(STOP_SECONDS)
        for one in self._processes:
            if one.poll() is None:
                _say(f"cluster: process {one.pid} did not stop: killing it")
                one.kill()
                one.wait()

    def _wait(self, seconds: float) -> None:
        """Wait so long at most until all have ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(one.poll() is None for one in self._processes):
            time.sleep(POLL_SECONDS)

    def _statuses(self) -> str:
        return ", ".join(f"{one.pid}: {one.returncode}" for one in self._processes)


def rescale(folder: Path, processes: int) -> int:
    """Tell the cluster that runs to drain and go on with another number of processes."""
    try:
        pid = int(_supervisor(folder).read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return _say(f"no cluster runs with its state in {folder}: make cluster N=2", status=1)
    _wanted(folder).write_text(str(processes))
    os.kill(pid, signal.SIGHUP)
    return 0


def main(arguments: list[str]) -> int:
    """Do what the command line says, and return the exit status."""
    parser = argparse.ArgumentParser("python -m cluster", description="the flow as a cluster")
    parser.add_argument("processes", type=int, choices=range(1, MOST_PROCESSES + 1), metavar="N")
    parser.add_argument("--rescale", action="store_true", help="the cluster that runs")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of its state")
    parser.add_argument("--addresses", default=ADDRESSES, help="with %%d for a process's number")
    options = parser.parse_args(arguments)
    if options.rescale:
        return rescale(options.folder, options.processes)
    return Cluster(options.folder, options.addresses).run(options.processes)


def _wanted(folder: Path) -> Path:
    """The file that says how many processes there shall be."""
    return folder / "processes"


def _supervisor(folder: Path) -> Path:
    """The file that says which process to signal."""
    return folder / "supervisor.pid"


def _say(line: str, *, status: int = 0) -> int:
    print(line, file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
