"""What programs do on the signals that end them, each tried on a process of its own."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.support.flow import PROJECT
from tests.support.waiting import DEADLINE_SECONDS, wait_until

# Prints a line once it heeds signals, and then the signals that it got.
PROGRAM = """
import signal
from signals import on_stop_signals

got = []
on_stop_signals(lambda signum, _frame: got.append(signum))
print("ready", flush=True)
{send}
while not got:
    signal.pause()
print(*got, flush=True)
"""
INTERRUPTED = """
import signal
from signals import interrupt_once

interrupt_once()
try:
    signal.raise_signal({signum})
except KeyboardInterrupt:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.raise_signal(signum)
    print("stopped")
"""
DRAINING = """
import signal, threading
from connectors.stopping import drain_on_signals

draining = drain_on_signals()
[thread] = [one for one in threading.enumerate() if one.name == "signals"]
{then}
thread.join()
"""
IN_THE_LOCK = """
with draining._cond:
    signal.raise_signal(signal.{name})
draining.wait()
"""
TWICE = """
signal.raise_signal(signal.{name})
draining.wait()
signal.raise_signal(signal.{name})
"""
ENDING = """
from connectors.stopping import before_exit, stop_process

before_exit(lambda: 1 / 0)
before_exit(lambda: print("a later step", flush=True))
try:
    stop_process("what happened")
except BaseException as error:
    print("went on", error)
"""


def ended(program: str, *prefix: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        [*prefix, sys.executable, "-c", program],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )


@pytest.mark.parametrize(
    ("sent", "got"),
    [("SIGINT", signal.SIGINT), ("SIGTERM", signal.SIGTERM), ("SIGHUP", signal.SIGTERM)],
)
def test_a_closed_terminal_is_a_sigterm(sent: str, got: signal.Signals) -> None:
    """SIGINT and SIGTERM come as they are; SIGHUP does what SIGTERM does."""
    done = ended(PROGRAM.format(send=f"signal.raise_signal(signal.{sent})"))
    assert done.stdout.split() == ["ready", str(int(got))], done.stderr


def test_a_second_hangup_does_nothing() -> None:
    """Both the shell and the kernel send one when a terminal is closed."""
    done = ended(PROGRAM.format(send="signal.raise_signal(signal.SIGHUP)\n" * 2))
    assert done.stdout.split() == ["ready", str(int(signal.SIGTERM))], done.stderr


def test_nohup_is_respected() -> None:
    """Where SIGHUP is ignored from the start, a closed terminal stops nothing."""
    sent = "signal.raise_signal(signal.SIGHUP)\nsignal.raise_signal(signal.SIGINT)"
    done = ended(PROGRAM.format(send=sent), "sh", "-c", "trap '' HUP; exec \"$@\"", "sh")
    assert done.stdout.split() == ["ready", str(int(signal.SIGINT))], done.stderr


def test_what_is_printed_after_the_terminal_was_closed_fails_nothing(tmp_path: Path) -> None:
    """A program whose terminal is gone still ends in order, with its own status."""
    begun, done = tmp_path / "begun", tmp_path / "done"
    program = PROGRAM.format(send=f"open({str(begun)!r}, 'w').close()")
    terminal, own = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", f"{program}\nopen({str(done)!r}, 'w').close()"],
        cwd=PROJECT,
        stdin=own,
        stdout=own,
        stderr=own,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(own)
        wait_until(begun.exists, "it heeds signals")
        os.close(terminal)
        assert process.wait(DEADLINE_SECONDS) == 0
    assert done.exists()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopping_is_not_interrupted(signum: signal.Signals) -> None:
    """The first signal raises KeyboardInterrupt; whatever comes then does nothing."""
    done = ended(INTERRUPTED.format(signum=int(signum)))
    assert done.stdout == "stopped\n", done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_drains_whatever_the_main_thread_holds(name: str) -> None:
    """A handler that took a lock would wait for the thread that it interrupted: for good."""
    done = ended(DRAINING.format(then=IN_THE_LOCK.format(name=name)))
    assert done.returncode == 0, done.stderr
    assert name in done.stdout


@pytest.mark.parametrize(
    ("name", "status"), [("SIGINT", -signal.SIGINT), ("SIGTERM", -signal.SIGTERM), ("SIGHUP", 0)]
)
def test_a_second_signal_ends_a_drain_at_once(name: str, status: int) -> None:
    """Nobody has to wait for a drain that hangs; a second hangup isn't somebody's wish, though."""
    done = ended(DRAINING.format(then=TWICE.format(name=name)))
    assert done.returncode == status, done.stderr


def test_a_last_step_that_fails_keeps_no_process_alive() -> None:
    """The process ends with status 1 and its line; the other last steps are taken."""
    done = ended(ENDING)
    assert done.returncode == 1
    assert "what happened" in done.stdout
    assert "ZeroDivisionError" in done.stdout
    assert "a later step" in done.stdout
    assert "went on" not in done.stdout
