"""The local Kafka: starts offline, keeps its data, and leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_kafka import LocalKafka, LocalKafkaError
from local_kafka.jars import class_path
from tests.support.flow import PROJECT
from tests.support.topics import Topics
from tests.support.waiting import wait_until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker that a test may kill."""
    with LocalKafka(tmp_path / "kafka") as started:
        yield started


def test_data_and_address_survive_kill_9(broker: LocalKafka) -> None:
    """Killed and started again, the broker is where it was and has what it had."""
    servers = broker.bootstrap_servers
    topics = Topics(servers)
    topics.make("kept")
    topics.send("kept", [{"value": b"a"}, {"value": b"b"}])
    broker.kill()
    broker.start()
    assert broker.bootstrap_servers == servers
    assert sorted(record.value for record in topics.read("kept")) == [b"a", b"b"]


def test_it_listens_on_loopback_only(broker: LocalKafka) -> None:
    """Nobody on the network can reach a broker that has no password."""
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(broker.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 2, "broker and controller"
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_stop_leaves_no_process(tmp_path: Path) -> None:
    """A stopped broker is gone, also when it was paused."""
    broker = LocalKafka(tmp_path / "kafka")
    broker.start()
    java = psutil.Process(broker.pid)
    broker.pause()
    broker.stop()
    assert not java.is_running()


def test_it_ends_with_a_killed_parent(tmp_path: Path) -> None:
    """A parent that is killed with kill -9 takes the broker along."""
    owner = (
        "import pathlib, local_kafka\n"
        f"kafka = local_kafka.LocalKafka(pathlib.Path({str(tmp_path / 'kafka')!r}))\n"
        "kafka.start()\n"
        "print(kafka.pid, flush=True)\n"
        "kafka.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", owner], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        java = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    wait_until(lambda: not java.is_running(), "the broker ends")


def test_a_port_in_use_is_one_clear_line(kafka: LocalKafka, tmp_path: Path) -> None:
    """The command says which port is taken and what to do, and exits with 1."""
    port = kafka.bootstrap_servers.rpartition(":")[2]
    command = [sys.executable, "-m", "local_kafka", "--port", port, "--data-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert f"port {port} can't be used" in line


def test_a_broker_that_can_not_start_says_so(tmp_path: Path) -> None:
    """A wrong property ends the start with a line that names the log."""
    broker = LocalKafka(tmp_path / "kafka", properties={"num.io.threads": "none"})
    with pytest.raises(LocalKafkaError, match=r"num\.io\.threads|Invalid value"):
        broker.start()


def test_the_command_runs_until_a_signal(tmp_path: Path, free_ports: list[int]) -> None:
    """`python -m local_kafka` answers, and on SIGTERM ends in order with status 0."""
    port = str(free_ports[0])
    command = [sys.executable, "-m", "local_kafka", "--port", port, "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        lines = iter(process.stderr.readline, "")
        assert any(f"ready on 127.0.0.1:{port}" in line for line in lines)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.skipif(
    not shutil.which("unshare") or os.geteuid() != 0, reason="needs root and unshare to cut the net"
)
def test_a_later_start_needs_no_network() -> None:
    """With the jars cached, the class path is found on a machine without any network."""
    class_path(lambda _line: None)
    find = "from local_kafka.jars import class_path; print(len(class_path(print)))"
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", find],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) > 40


@pytest.mark.skipif(
    not shutil.which("unshare") or os.geteuid() != 0, reason="needs root and unshare to cut the net"
)
def test_a_first_start_without_a_network_is_one_clear_line(tmp_path: Path) -> None:
    """Without jars and without a network the command says what is missing, and exits with 1."""
    command = ["unshare", "--net", sys.executable, "-m", "local_kafka", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "downloading" not in line]
    assert len(lines) == 1, done.stderr
    assert "is there a network?" in lines[0]
