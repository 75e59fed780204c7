"""The monitoring port of a flow that runs, waits, is fenced, or can't have its port."""

import json
import socket
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from local_kafka import LocalKafka
from tests.monitoring.web import ask, sample
from tests.support.flow import Flow
from tests.support.logins import records
from tests.support.ports import unused_pair
from tests.support.waiting import wait_until

UNREADY_SECONDS = 60.0
A_MINUTE = timedelta(seconds=59)  # some time goes by between the judgement and the stamp


def test_live_and_ready_from_start_to_end(flow: Flow, free_ports: list[int]) -> None:
    """It lives while it waits for its input, is ready when it reads, and no more when it drains."""
    port = free_ports[0]
    with flow.running(METRICS_PORT=str(port), BROKER_WAIT_SECONDS="120") as process:
        wait_until(lambda: ask(port, "/live") == (200, "live\n"), "it lives")
        assert ask(port, "/ready") == (503, "not ready: no input partition is assigned yet\n")
        flow.topics.make(flow.input)
        wait_until(lambda: ask(port, "/ready") == (200, "ready\n"), "it is ready", 60)
        assert process.stop() == 0, process.output()
    assert ask(port, "/live")[0] == 0


def test_while_kafka_is_away_it_lives_and_is_not_ready(
    tmp_path: Path, free_ports: list[int]
) -> None:
    """A broker that hangs is no reason to restart the flow, which goes on when it is back."""
    port = free_ports[0]
    with LocalKafka(tmp_path / "kafka") as broker:
        flow = Flow(broker.bootstrap_servers, "away", tmp_path)
        flow.topics.make(flow.input)
        with flow.running(METRICS_PORT=str(port)) as process:
            wait_until(lambda: ask(port, "/ready")[0] == 200, "it is ready", 60)
            broker.pause()
            missed = "no broker has answered"
            wait_until(lambda: missed in ask(port, "/ready")[1], "it is missed", UNREADY_SECONDS)
            assert ask(port, "/live") == (200, "live\n")
            broker.resume()
            wait_until(lambda: ask(port, "/ready")[0] == 200, "it is ready again", 60)
            assert process.process.poll() is None, process.output()


def test_a_fenced_process_is_seen_before_it_ends(flow: Flow) -> None:
    """Another cluster of the same group takes over: the older one says so to whoever asks it."""
    flow.topics.make(flow.input)
    first = unused_pair()
    written = "login_processed_total"
    with flow.running(METRICS_PORT=str(first)) as older:
        flow.topics.send(flow.input, records(range(400)))
        wait_until(lambda: sample([first], written) == 400, "the older one writes", 60)
        with flow.running(METRICS_PORT=str(first + 1)):
            # The newer one fences with its first batch, the older one learns of it with its next.
            wait_until(lambda: told_after_more(flow, first), "the older one tells", 60)
            assert older.wait(60) == 1
            assert "this process may no longer write" in older.output()


def told_after_more(flow: Flow, port: int) -> bool:
    """Send some logins, and return whether a process tells that it was fenced."""
    flow.topics.send(flow.input, records(range(40)))
    return sample([port], "login_transaction_failures_total", kind="fenced") > 0


@pytest.mark.parametrize("process", [0, 1])
def test_a_port_that_is_taken_stops_the_start(
    flow: Flow, process: int, free_ports: list[int]
) -> None:
    """With one line and status 1, before anything is asked of Kafka: never in silence."""
    cluster = ";".join(f"127.0.0.1:{port}" for port in free_ports[:2])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ["-i", str(process), "-a", cluster]
        [line] = refused(flow, options, METRICS_PORT=str(port - process))
    assert line.startswith(f"can't serve metrics at 127.0.0.1:{port}: ")


@pytest.mark.parametrize("port", ["many", "0", "65536"])
def test_a_port_that_is_none_stops_the_start(flow: Flow, port: str) -> None:
    """With one line that names the setting, its value and what is allowed."""
    [line] = refused(flow, [], METRICS_PORT=port)
    assert line.startswith(f"wrong setting: METRICS_PORT={port!r}: should be ")


def test_a_process_for_which_no_port_is_left_does_not_start(
    flow: Flow, free_ports: list[int]
) -> None:
    """The ports after METRICS_PORT may come to an end."""
    cluster = ";".join(f"127.0.0.1:{port}" for port in free_ports[:2])
    [line] = refused(flow, ["-i", "1", "-a", cluster], METRICS_PORT="65535")
    assert line.startswith("can't serve metrics at 127.0.0.1:65536: ")


def refused(flow: Flow, options: list[str], **settings: str) -> list[str]:
    """Run a flow that can't start, without a Kafka, and return its lines."""
    with flow.running(*options, KAFKA_BOOTSTRAP_SERVERS="localhost:1", **settings) as process:
        assert process.wait(60) == 1, process.output()
    return process.output().splitlines()


def test_what_the_clients_say_is_in_the_log_and_not_too_often(
    tmp_path: Path, free_ports: list[int]
) -> None:
    """A broker that is away makes each client speak at each attempt: a line of a kind a minute."""
    port = free_ports[0]
    with LocalKafka(tmp_path / "kafka") as broker:
        flow = Flow(broker.bootstrap_servers, "log", tmp_path)
        flow.topics.make(flow.input)
        with flow.running(METRICS_PORT=str(port), LOG_FORMAT="json") as process:
            wait_until(lambda: ask(port, "/ready")[0] == 200, "it is ready", 60)
            broker.kill()
            missed = "no broker has answered"  # for 20 seconds, in which there are many attempts
            wait_until(lambda: missed in ask(port, "/ready")[1], "it is missed", UNREADY_SECONDS)
    lines = [json.loads(line) for line in process.output().splitlines()]
    for kind in ("FAIL [", "Kafka is away"):
        times = [datetime.fromisoformat(one["timestamp"]) for one in said(lines, kind)]
        assert times
        assert all(later - earlier > A_MINUTE for earlier, later in pairwise(times)), times


def said(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the log lines whose event begins so."""
    return [line for line in lines if line["event"].startswith(kind)]
