"""What a command costs, as the operating system counts it."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

__all__ = ["CommandFailedError", "Usage", "measure"]

POLL_SECONDS = 0.05  # how often memory is looked at: its peak is kept by the system
LAST_LINES = 5  # of what a command printed, when it fails
LIMIT_SECONDS = 1_200.0  # the slowest contender with a million logins takes 400 s


class CommandFailedError(Exception):
    """A command ended with an error, or not at all; the text says how its output ends."""


@dataclass(frozen=True)
class Usage:
    """What processes took together.

    Attributes:
        user: seconds of CPU in the programs and what they started.
        system: seconds of CPU in the kernel on their behalf.
        wall: seconds from the first start to the last end.
        megabytes: the largest resident memory of any one process.
    """

    user: float
    system: float
    wall: float
    megabytes: float

    @property
    def cpu(self) -> float:
        """Seconds of CPU, user and system."""
        return self.user + self.system


def measure(
    commands: Sequence[Sequence[str]],
    environment: Mapping[str, str],
    folder: Path,
    seconds: float = LIMIT_SECONDS,
) -> Usage:
    """Run commands side by side to their end.

    Args:
        commands: what to run, all at the same time.
        environment: of the processes, the whole of it.
        folder: where they run, and where what they print goes (`N.log`).
        seconds: after which they are killed.

    Raises:
        CommandFailedError: one ended with another status than 0.
    """
    begin = time.monotonic()
    with ThreadPoolExecutor(len(commands)) as pool:
        logs = [folder / f"{number}.log" for number in range(len(commands))]
        runs = [
            pool.submit(_run, command, environment, log, seconds)
            for command, log in zip(commands, logs, strict=True)
        ]
        usages = [run.result() for run in runs]
    return Usage(
        user=sum(usage.user for usage in usages),
        system=sum(usage.system for usage in usages),
        wall=time.monotonic() - begin,
        megabytes=max(usage.megabytes for usage in usages),
    )


def _run(
    command: Sequence[str], environment: Mapping[str, str], log: Path, seconds: float
) -> Usage:
    begin = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # the contenders' own commands
            command,
            cwd=log.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    limit = Timer(seconds, process.kill)
    limit.start()
    try:
        status, used, megabytes = _wait(process.pid)
    finally:
        limit.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandFailedError(f"status {process.returncode}: {_last_lines(log)}")
    return Usage(used.ru_utime, used.ru_stime, time.monotonic() - begin, megabytes)


def _wait(pid: int) -> tuple[int, "os.struct_rusage", float]:  # type: ignore[name-defined]
    megabytes = 0.0
    while True:
        # Not ru_maxrss: the system counts in it what the parent held when it forked.
        megabytes = _peak_megabytes(pid) or megabytes
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, used, megabytes
        time.sleep(POLL_SECONDS)


def _peak_megabytes(pid: int) -> float:
    """Return the most that a process held in memory so far; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    peak = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(peak[0]) * 1.024e-3 if peak else 0.0


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " | ".join(lines[-LAST_LINES:])
