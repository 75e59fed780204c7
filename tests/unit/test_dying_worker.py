"""A worker of pytest-xdist that dies, and what it had started."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.flow import PROJECT
from tests.support.waiting import DEADLINE_SECONDS, wait_until

CONFTEST = """
from xdist.workermanage import NodeManager
from tests.support.workers import pytest_handlecrashitem

NodeManager.EXIT_TIMEOUT = 0.1  # for the worker that is left, before it is killed
"""
# One waits for good, as a test does whose other end has died; one dies, and has started a process.
TESTS = {
    "test_waits.py": """
import signal

def test_waits():
    signal.pause()
""",
    "test_dies.py": """
import os
from pathlib import Path
from tests.support.processes import start_process
from tests.support.waiting import wait_until

def test_dies():
    start_process(["sh", "-c", "echo $$ >started; exec sleep 600"])
    wait_until(lambda: Path("started").exists() and Path("started").read_text(), "it runs")
    os.kill(os.getpid(), 9)
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_dead_worker_ends_the_run_and_what_it_started(tmp_path: Path) -> None:
    """At once, with the test's name: no other test is blamed, and none is waited for."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name, text in TESTS.items():
        (tmp_path / name).write_text(text)
    options = ["-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", "-o", "timeout=600"]
    configuration = ["-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *configuration, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == pytest.ExitCode.INTERNAL_ERROR, done.stdout
    assert "crashed while running 'test_dies.py::test_dies'" in done.stdout + done.stderr
    started = int((tmp_path / "started").read_text())
    wait_until(lambda: not psutil.pid_exists(started), "the end of what it started")
