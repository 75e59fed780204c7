"""Run the flow as a cluster of processes on this machine, or rescale the running one.

    python -m cluster 2               # until Ctrl-C or SIGTERM, which drain it
    python -m cluster 4 --rescale     # drain, then continue with four; returns at once

Each process runs as a pod does in Kubernetes: by deploy/run-process.sh. When one of them ends, the
others end, too, and all are restarted.
"""

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from signals import interrupt_once, stop_with_make
from supervision.folder import FolderInUseError, is_held, own_folder
from supervision.guarded import GuardedProcess
from supervision.lines import say

__all__ = ["Cluster", "main", "rescale"]

PROJECT = Path(__file__).parents[1]
FOLDER = Path(".local/cluster")
ADDRESSES = "127.0.0.1:210%d"  # with the process's number
MAX_PROCESSES = 10  # the addresses have room for one digit
END_SECONDS = 10.0  # when one has ended, the others end by themselves, usually at once
STOP_SECONDS = 30.0  # a drain takes a few; after this, a process is stuck, and is killed
PREDECESSOR_SECONDS = STOP_SECONDS + 5.0  # a killed supervisor's processes have ended by then
POLL_SECONDS = 0.1
RESTART_SECONDS = 2.0  # pause before a restart, so that a lasting fault causes no busy loop


class Cluster:
    """Processes that are started, drained and restarted together.

    Args:
        folder: for the recovery state, and for the number of processes that a rescale requests.
        addresses: a format that gives each process's address, from its number.
    """

    def __init__(self, folder: Path, addresses: str = ADDRESSES) -> None:
        self._folder = folder.absolute()
        self._addresses = addresses

    def run(self, processes: int) -> int:
        """Run this many processes, or as many as a rescale requests, until stopped."""
        interrupt_once()
        stop_with_make()
        try:
            with own_folder(self._folder, PREDECESSOR_SECONDS) as lock:
                _request(self._folder, processes)
                while True:
                    processes = self._requested(processes)
                    self._run_once(processes, lock)
        except FolderInUseError as error:
            return say(str(error), status=1)
        except KeyboardInterrupt:
            return 0

    def _run_once(self, processes: int, lock: int) -> None:
        """Run until one of the processes ends or another number is requested, then end them all."""
        say(f"cluster: starting {processes} processes")
        running: list[GuardedProcess] = []
        with ExitStack() as ending:
            for number in range(processes):
                one = ending.enter_context(self._start(number, processes, lock))
                running.append(one)
            ending.callback(_begin_end, running)
            while not (failed := _any_ended(running)) and self._requested(processes) == processes:
                time.sleep(POLL_SECONDS)
            if failed:
                _wait(running, END_SECONDS)
        if failed:
            statuses = ", ".join(f"{one.pid}: {one.poll()}" for one in running)
            say(f"cluster: a process ended ({statuses}): restarting all of them")
            time.sleep(RESTART_SECONDS)

    def _requested(self, otherwise: int) -> int:
        """Return the requested number of processes, or `otherwise` if the file is missing."""
        try:
            return int((self._folder / "processes").read_text())
        except (OSError, ValueError):
            return otherwise

    def _start(self, number: int, processes: int, lock: int) -> GuardedProcess:
        state = self._folder / f"state-{number}"
        state.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "NAME": f"process-{number}",
            "PROCESSES": str(processes),
            "ADDRESSES": self._addresses,
        }
        return GuardedProcess(
            ["/bin/sh", "deploy/run-process.sh", str(state)],
            STOP_SECONDS,
            cwd=PROJECT,
            env=environment,
            pass_fds=[lock],
        )


def rescale(folder: Path, processes: int) -> int:
    """Tell the running cluster to drain and continue with another number of processes."""
    if not is_held(folder):
        return say(f"no cluster is running in {folder}: start one: make cluster N=2", status=1)
    _request(folder, processes)
    return 0


def main(arguments: list[str]) -> int:
    """Do what the command line says, and return the exit status."""
    parser = argparse.ArgumentParser("python -m cluster", description="the flow as a cluster")
    parser.add_argument("processes", type=int, choices=range(1, MAX_PROCESSES + 1), metavar="N")
    parser.add_argument("--rescale", action="store_true", help="the running cluster")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for its state")
    parser.add_argument("--addresses", default=ADDRESSES, help="with %%d for a process's number")
    options = parser.parse_args(arguments)
    if options.rescale:
        return rescale(options.folder, options.processes)
    return Cluster(options.folder, options.addresses).run(options.processes)


def _request(folder: Path, processes: int) -> None:
    """Request a number of processes: the supervisor reads it several times per second."""
    new = folder / "processes.new"
    new.write_text(str(processes))
    new.replace(folder / "processes")  # atomic: readers never see half a file


def _begin_end(running: list[GuardedProcess]) -> None:
    """Drain what is still running, all at the same time."""
    for one in running:
        one.begin_end()


def _any_ended(running: list[GuardedProcess]) -> bool:
    return any(one.poll() is not None for one in running)


def _wait(running: list[GuardedProcess], seconds: float) -> None:
    """Wait until all have ended, or the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(one.poll() is None for one in running):
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
