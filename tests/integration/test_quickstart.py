"""`make run`: everything comes up, ends however that one ends, and goes on the next time."""

import fcntl
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil
import pytest

from local_kafka import LocalKafka
from quickstart.__main__ import HISTORY_SECONDS, LOGINS_PER_SECOND
from tests.support.flow import PROJECT, Flow
from tests.support.logins import numbers, records
from tests.support.processes import start_process
from tests.support.waiting import wait_until

ATTACK = "password_spray=1"
LATE = re.compile(r"late_logins=(\d+)")
REPORT = re.compile(r"^report: ([\d,]+) logins", re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project without anything that was made by running it."""
    made = shutil.ignore_patterns(".*", "__pycache__")
    return Path(shutil.copytree(PROJECT, tmp_path / "checkout", ignore=made))


def test_ctrl_c_and_a_closed_terminal_end_everything_and_the_next_run_goes_on(
    checkout: Path, free_ports: list[int]
) -> None:
    """The report comes, no process is left behind, and the totals go on.

    The first run has an hour of history, with one planted attack, of which no login is late; the
    second one continues after it.
    """
    first = run_until_report(checkout, free_ports[0], free_ports[1], press_ctrl_c, ATTACK)
    assert not left_over(checkout)
    assert first.count(ATTACK) == 1
    assert set(LATE.findall(first)) == {"0"}
    assert max(totals(first)) > HISTORY_SECONDS * LOGINS_PER_SECOND / 2
    second = run_until_report(checkout, free_ports[0], free_ports[1], close_terminal)
    assert not left_over(checkout)
    assert totals(second)[0] > max(totals(first))
    assert max(totals(second)) < 1.5 * max(totals(first))
    assert "reading again" not in second


def test_a_kafka_that_is_set_is_used(
    checkout: Path, kafka: LocalKafka, free_ports: list[int]
) -> None:
    """With KAFKA_BOOTSTRAP_SERVERS set no Kafka is started, and no sample logins are sent there."""
    environment = {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "INPUT_TOPIC": "not-there",
        "BROKER_WAIT_SECONDS": "1",
        "DASHBOARD_PORT": str(free_ports[0]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "quickstart"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert f"using Kafka at {kafka.bootstrap_servers}" in done.stderr
    assert "there is no topic not-there" in done.stderr
    assert "the flow failed 3 times in a row" in done.stderr


def test_killed_it_takes_all_parts_along(checkout: Path, flow: Flow, free_ports: list[int]) -> None:
    """The live page ends, and the flow drains: kill -9 leaves nobody the time to tell them."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(1_000)))
    log = checkout / "run.log"
    with log.open("wb") as output:
        process = start_process(
            [sys.executable, "-m", "quickstart"],
            cwd=checkout,
            env=flow.environment(DASHBOARD_PORT=str(free_ports[0])),
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: totals(log.read_text())[-1:] == [1_000], "the report")
        wait_until(lambda: "serving the live page" in log.read_text(), "the live page")
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not left_over(checkout), "all parts have ended")
    assert "stopping" in log.read_text()
    assert "killing it" not in log.read_text()
    assert numbers(flow.outputs()) == list(range(1_000))


def press_ctrl_c(process: "subprocess.Popen[bytes]", _terminal: IO[bytes]) -> None:
    """Send SIGINT to all that are in the foreground of the terminal."""
    os.killpg(process.pid, signal.SIGINT)


def close_terminal(_process: "subprocess.Popen[bytes]", terminal: IO[bytes]) -> None:
    """Have the system send SIGHUP, as when a window or a connection is closed."""
    terminal.close()


def run_until_report(
    checkout: Path,
    port: int,
    page_port: int,
    end: Callable[["subprocess.Popen[bytes]", IO[bytes]], None],
    text: str = "",
) -> str:
    """Run everything, wait for two reports and a text, end it, and return what was printed."""
    log = checkout / "run.log"
    outside, own = pty.openpty()
    terminal = open(outside, "rb", buffering=0)  # noqa: PTH123, SIM115 - closed below
    with log.open("wb") as output:
        process = start_process(
            [sys.executable, "-m", "quickstart", "--port", str(port)],
            cwd=checkout,
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ["HOME"],
                "DASHBOARD_PORT": str(page_port),
            },
            stdin=own,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    os.close(own)
    try:
        wait_until(lambda: len(totals(log.read_text())) > 1, "two reports", 120)
        wait_until(lambda: text in log.read_text(), text, 120)
        wait_until(lambda: f"http://127.0.0.1:{page_port}" in log.read_text(), "the page's address")
        with urllib.request.urlopen(f"http://127.0.0.1:{page_port}") as page:
            assert page.status == 200
        end(process, terminal)
        assert process.wait(120) == 0, log.read_text()
    finally:
        process.kill()
        terminal.close()
    assert "Traceback" not in log.read_text()
    return log.read_text()


def totals(text: str) -> list[int]:
    """Return the logins counted by each report."""
    return [int(figure.replace(",", "")) for figure in REPORT.findall(text)]


def left_over(checkout: Path) -> list[str]:
    """Return the command lines of processes that still work in the checkout."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cwd", "cmdline"])
        if process.info["cwd"] and Path(process.info["cwd"]).is_relative_to(checkout)
    ]
