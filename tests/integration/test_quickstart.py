"""`make run`: everything comes up, ends with Ctrl-C, and goes on the next time."""

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from local_kafka import LocalKafka
from tests.support.flow import PROJECT
from tests.support.waiting import wait_until

REPORT = re.compile(r"^report: ([\d,]+) logins", re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project without anything that was made by running it."""
    made = shutil.ignore_patterns(".*", "__pycache__")
    return Path(shutil.copytree(PROJECT, tmp_path / "checkout", ignore=made))


def test_ctrl_c_ends_everything_and_the_next_run_goes_on(
    checkout: Path, free_ports: list[int]
) -> None:
    """The report comes, Ctrl-C leaves no process behind, and the totals go on after it."""
    first = run_until_report(checkout, *free_ports[:2])
    assert not left_over(checkout)
    second = run_until_report(checkout, *free_ports[:2])
    assert not left_over(checkout)
    assert totals(second)[0] > max(totals(first))
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


def run_until_report(checkout: Path, port: int, page_port: int) -> str:
    """Run everything, wait for two reports, press Ctrl-C, and return all that was printed."""
    log = checkout / "run.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "quickstart", "--port", str(port)],
            cwd=checkout,
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ["HOME"],
                "DASHBOARD_PORT": str(page_port),
            },
            stdout=output,
            stderr=output,
            start_new_session=True,  # so that Ctrl-C can be sent to all in its terminal
        )
    try:
        wait_until(lambda: len(totals(log.read_text())) > 1, "two reports", 120)
        wait_until(lambda: f"http://127.0.0.1:{page_port}" in log.read_text(), "the page's address")
        with urllib.request.urlopen(f"http://127.0.0.1:{page_port}") as page:
            assert page.status == 200
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(120) == 0, log.read_text()
    finally:
        process.kill()
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
