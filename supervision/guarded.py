"""A process that ends with its owner."""

import os
import signal
import socket
import subprocess
import sys
from typing import Any, Self

from supervision import guardian

__all__ = ["GuardedProcess"]

KILL_SECONDS = 10.0  # a killed process and its guardian are gone by then


class GuardedProcess:
    """A command with a guardian process that outlives this one, and then ends the command.

    Each runs in its own process group, so a Ctrl-C on the terminal reaches only the owner. They
    don't get their own session: Linux divides the cores among sessions (autogroup), and version
    6.18 was seen to give a broker in another session than its clients no CPU time for up to a
    minute.

    Args:
        command: what to run.
        stop_seconds: how long it may take to end after SIGTERM, before it is killed.
        options: for subprocess.Popen, except standard input.

    Raises:
        ChildProcessError: it can't be run; its standard error says why.
    """

    def __init__(self, command: list[str], stop_seconds: float, **options: Any) -> None:
        self._name = command[0]
        self._limit = stop_seconds + KILL_SECONDS
        self._held, given = socket.socketpair()
        with given:
            self._guardian = subprocess.Popen(  # noqa: S603  # the command is our own
                [sys.executable, "-IS", guardian.__file__, str(stop_seconds), *command],
                stdin=given.fileno(),
                process_group=0,
                **options,
            )
        try:
            self.pid = self._await_pid()
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def poll(self) -> int | None:
        """Return its exit status, or None while it runs."""
        return self._guardian.poll()

    def wait(self, seconds: float | None = None) -> int:
        """Return its exit status when it has ended.

        Raises:
            subprocess.TimeoutExpired: it hasn't, after so many seconds.
        """
        return self._guardian.wait(seconds)

    def send_signal(self, signum: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def begin_end(self) -> None:
        """Ask it to stop, even if it is paused; it is killed if it doesn't."""
        self._held.close()

    def end(self) -> None:
        """Ask it to stop, and return when it has ended."""
        self.begin_end()
        try:
            self.wait(self._limit)
        except KeyboardInterrupt:
            self.wait(self._limit)  # leave nothing running
            raise

    def kill(self) -> None:
        """End it as kill -9 does, and return when it is gone."""
        self.send_signal(signal.SIGKILL)
        self.end()

    def _await_pid(self) -> int:
        pid = self._held.recv(32)
        if not pid:
            raise ChildProcessError(f"can't run {self._name}")
        return int(pid)
