"""Processes that end with their owner, and folders that have one supervisor."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cluster.__main__ import rescale
from supervision.folder import FolderInUseError, is_held, own_folder
from supervision.guarded import GuardedProcess
from tests.support.flow import PROJECT
from tests.support.processes import start_process
from tests.support.waiting import DEADLINE_SECONDS, wait_until

# A process that says which one it is, then that it was asked to stop, and ends in order.
PATIENT = """
import os, signal, sys
def stop(signum, frame):
    print("stopped", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""
STUBBORN = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""
OWNER = """
import sys, time
from pathlib import Path
from supervision.folder import own_folder
from supervision.guarded import GuardedProcess
with own_folder(Path({folder!r}), 0) as lock:
    GuardedProcess([sys.executable, "-c", {program!r}], {seconds}, pass_fds=[lock]).wait()
"""
CHILD_OF_MAKE = """
import signal
from signals import interrupt_once, stop_with_make
interrupt_once()
stop_with_make()
print("ready", flush=True)
try:
    while True:
        signal.pause()
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
MAKE = """
import signal, subprocess, sys
signal.signal(signal.SIGHUP, lambda signum, frame: None)  # make waits for what it started
subprocess.run([sys.executable, "-c", {program!r}])
"""


@contextmanager
def printing(program: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a Python program while the block runs."""
    process = start_process(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def owner(folder: Path, program: str, seconds: float = 60) -> Iterator["subprocess.Popen[str]"]:
    """Run a supervisor of one process, which prints."""
    with printing(OWNER.format(folder=str(folder), program=program, seconds=seconds)) as process:
        yield process


def line(process: "subprocess.Popen[str]") -> str:
    """Return the next line that is printed."""
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_killed_owner_takes_its_process_along(tmp_path: Path) -> None:
    """It is asked to stop, and has time to shut down cleanly."""
    with owner(tmp_path, PATIENT) as parent:
        child = psutil.Process(int(line(parent)))
        parent.kill()
        assert line(parent) == "stopped"
        wait_until(lambda: not child.is_running(), "its end")


def test_a_paused_process_ends_with_its_owner(tmp_path: Path) -> None:
    """It is continued, so that it sees SIGTERM; the system's own SIGHUP doesn't reach it."""
    with owner(tmp_path, PATIENT) as parent:
        child = psutil.Process(int(line(parent)))
        assert os.getpgid(child.pid) != os.getpgid(child.ppid())
        child.suspend()
        parent.kill()
        assert line(parent) == "stopped"


def test_one_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    """After its time is over, with a line that says so."""
    with owner(tmp_path, STUBBORN, seconds=0.1) as parent:
        child = psutil.Process(int(line(parent)))
        parent.kill()
        assert line(parent) == f"process {child.pid} did not stop within 0 s: killing it"
        wait_until(lambda: not child.is_running(), "its end")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_killed_guardian_takes_the_process_along() -> None:
    """Whoever killed it, the process doesn't go on without an owner."""
    with GuardedProcess([sys.executable, "-c", STUBBORN], 60, stdout=subprocess.DEVNULL) as process:
        child = psutil.Process(process.pid)
        guardian = child.parent()
        assert guardian
        guardian.kill()
        assert process.wait(DEADLINE_SECONDS) == -signal.SIGKILL
        wait_until(lambda: not child.is_running(), "its end")


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("raise SystemExit(3)", 3),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("import os; os.abort()", -signal.SIGABRT),
    ],
)
def test_a_process_ends_as_its_command_did(program: str, status: int) -> None:
    """An exit status is passed on, and so is a signal."""
    with GuardedProcess([sys.executable, "-c", program], 60) as process:
        assert process.wait(DEADLINE_SECONDS) == status


def test_what_can_not_be_run_is_an_error(tmp_path: Path) -> None:
    """It is raised where the process was to be started, and nothing is left of it."""
    with (
        (tmp_path / "errors").open("w") as errors,
        pytest.raises(ChildProcessError, match="can't run /not/there"),
    ):
        GuardedProcess(["/not/there"], 60, stderr=errors)


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    """A second one is refused with a line that says what to do, and is welcome afterwards."""
    with own_folder(tmp_path, 0):
        assert is_held(tmp_path)
        with pytest.raises(FolderInUseError, match=r"another run uses .*: stop it first"):
            own_folder(tmp_path, 0).__enter__()
    assert not is_held(tmp_path)
    with own_folder(tmp_path, 0):
        pass


def test_what_a_killed_supervisor_left_is_waited_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its process may still write to the folder; a successor begins when that has ended."""
    with owner(tmp_path, STUBBORN) as parent:
        child = psutil.Process(int(line(parent)))
        parent.kill()
        parent.wait()
        assert not is_held(tmp_path)
        with pytest.raises(FolderInUseError, match="don't end: kill them"):
            own_folder(tmp_path, 0).__enter__()
        assert "waiting for processes left by an earlier run" in capfd.readouterr().err
        child.kill()
        with own_folder(tmp_path, DEADLINE_SECONDS):
            assert not child.is_running()


def test_a_rescale_reaches_only_a_cluster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever files a cluster that is gone has left there."""
    assert rescale(tmp_path / "never", 2) == 1
    with own_folder(tmp_path, 0):
        assert rescale(tmp_path, 2) == 0
        assert (tmp_path / "processes").read_text() == "2"
    assert rescale(tmp_path, 3) == 1
    assert "no cluster is running in" in capsys.readouterr().err
    assert (tmp_path / "processes").read_text() == "2"


def test_a_killed_make_takes_along_what_it_started() -> None:
    """What make started stops as on SIGTERM; what a shell started continues."""
    with printing(MAKE.format(program=CHILD_OF_MAKE), MAKELEVEL="1") as make:
        assert line(make) == "ready"
        make.kill()
        assert line(make) == "stopped"


def test_a_terminal_of_which_only_make_is_told_stops_what_it_started(tmp_path: Path) -> None:
    """As with `ssh -t HOST make run`: the system sends SIGHUP to the session's leader alone."""
    terminal, own = pty.openpty()
    printed = tmp_path / "printed"
    with printed.open("w") as output:
        make = start_process(
            [sys.executable, "-c", MAKE.format(program=CHILD_OF_MAKE)],
            cwd=PROJECT,
            env={**os.environ, "MAKELEVEL": "1"},
            stdin=own,
            stdout=output,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    os.close(own)
    try:
        wait_until(lambda: printed.read_text() == "ready\n", "it runs")
        os.close(terminal)
        wait_until(lambda: printed.read_text() == "ready\nstopped\n", "it was told")
    finally:
        make.kill()  # whose end its child notices too
        make.wait()
