"""A process that ends with its owner, and has a folder to itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from file_lock import try_lock
from local_kafka import guardian
from local_kafka.errors import LocalKafkaError

__all__ = ["GuardedProcess"]

STOP_SECONDS = guardian.STOP_SECONDS + 10.0  # by then the guardian has killed it
PREDECESSOR_SECONDS = 5.0  # a broker whose owner was killed is gone within one or two
POLL_SECONDS = 0.05


class GuardedProcess:
    """A command under a guardian that outlives this process, and then ends the command too.

    Both run in a process group of their own, so a Ctrl-C on the terminal reaches their owner only.
    Not in a session of their own: Linux shares the cores out by session (autogroup), and one of
    version 6.18 was seen to give a broker in another session than its clients nothing at all for up
    to a minute.

    Args:
        command: what to run.
        folder: where to run it. A lock in there is held until the command has ended, so that the
            next one waits for one whose owner was killed.
        output: the name of the file in there that takes what the command prints.

    Raises:
        LocalKafkaError: it can't be run, or another one runs in the folder.
    """

    def __init__(self, command: list[str], folder: Path, output: str) -> None:
        with _locked(folder) as lock, (folder / output).open("w") as printed:
            self._guardian = subprocess.Popen(  # noqa: S603  # the command is our own
                [sys.executable, "-IS", guardian.__file__, *command],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                text=True,
                pass_fds=[lock.fileno()],
                process_group=0,
            )
        try:
            self.pid = int(_pipe(self._guardian.stdout).readline() or 0)
        except BaseException:
            self.end()
            raise
        if not self.pid:
            self.end()
            raise LocalKafkaError(f"can't run {command[0]}: see {folder / output}")

    @property
    def runs(self) -> bool:
        """Whether it hasn't ended."""
        return self._guardian.poll() is None

    def send_signal(self, signum: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.runs:
            os.kill(self.pid, signum)

    def end(self) -> None:
        """Ask it to stop, also when it is paused; kill it if it doesn't."""
        _pipe(self._guardian.stdin).close()
        self.wait(STOP_SECONDS)
        _pipe(self._guardian.stdout).close()

    def kill(self) -> None:
        """End it as kill -9 does, and return when it is gone."""
        self.send_signal(signal.SIGKILL)
        self.end()

    def wait(self, seconds: float | None = None) -> int:
        """Return its exit status when it has ended."""
        return self._guardian.wait(seconds)


def _pipe(stream: IO[str] | None) -> IO[str]:
    """Return the stream, which is there since it was asked for."""
    if stream is None:
        raise ValueError("not a pipe")
    return stream


@contextmanager
def _locked(folder: Path) -> Iterator[IO[str]]:
    """Give a file whose lock lasts until every process that inherits it has ended."""
    deadline = time.monotonic() + PREDECESSOR_SECONDS
    with (folder / "lock").open("w") as lock:
        while not try_lock(lock.fileno()):
            if time.monotonic() > deadline:
                raise LocalKafkaError(f"another local Kafka uses {folder}: end it first")
            time.sleep(POLL_SECONDS)
        yield lock
