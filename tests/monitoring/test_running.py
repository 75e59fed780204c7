"""The monitoring port of a flow that runs, waits, is fenced, or can't have its port."""

import socket
from pathlib import Path

from local_kafka import LocalKafka
from tests.monitoring.web import ask, sample
from tests.support.flow import Flow
from tests.support.logins import records
from tests.support.ports import find_free_pair
from tests.support.waiting import wait_until

UNREADY_SECONDS = 60.0


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
    first = find_free_pair()
    written = "login_processed_total"
    with flow.running(METRICS_PORT=str(first)) as older:
        flow.topics.send(flow.input, records(range(400)))
        wait_until(lambda: sample([first], written) == 400, "the older one writes", 60)
        with flow.running(METRICS_PORT=str(first + 1)):
            # The newer one fences with its first batch, the older one learns of it with its next.
            wait_until(lambda: told_after_more(flow, first), "the older one tells", 60)
            assert older.wait(60) == 1
            assert "this process may write no more" in older.output()


def told_after_more(flow: Flow, port: int) -> bool:
    """Send some logins, and return whether a process tells that it was fenced."""
    flow.topics.send(flow.input, records(range(40)))
    return sample([port], "login_transaction_failures_total", kind="fenced") > 0


def test_a_port_that_is_taken_stops_the_start(flow: Flow) -> None:
    """With one line and status 1, before anything is asked of Kafka: never in silence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with flow.running(METRICS_PORT=str(port), KAFKA_BOOTSTRAP_SERVERS="localhost:1") as process:
            assert process.wait(30) == 1, process.output()
    [line] = process.output().splitlines()
    assert line.startswith(f"can't serve metrics at 127.0.0.1:{port}: ")
