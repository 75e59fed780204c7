"""The monitoring port: which one, what it answers, and what it shows of the settings."""

import os
import socket
import struct
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from prometheus_client import REGISTRY

from models import Alert
from monitoring import metrics, observe
from monitoring import server as server_module
from monitoring.about import last_written, set_process_metrics
from monitoring.health import HEALTH
from monitoring.server import MonitoringServer, own_port, serve_monitoring
from operators.report import Tally
from operators.stats import LoginStats
from records import DeadLetter, OutputBatch
from settings import Settings
from tests.monitoring.web import ask, sample
from tests.support.batches import processed
from tests.support.waiting import DEADLINE_SECONDS, wait_until


@pytest.fixture
def server() -> Iterator[MonitoringServer]:
    """A server on any free port."""
    server = MonitoringServer("127.0.0.1", 0)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def port_of(server: MonitoringServer) -> int:
    """Return where a server listens."""
    return int(server.server_address[1])


@pytest.mark.parametrize(
    ("process", "addresses", "port"),
    [
        (0, None, 9464),
        (0, "localhost:2101;localhost:2102;localhost:2103", 9464),
        (2, "localhost:2101;localhost:2102;localhost:2103", 9466),
        (1, "flow-0.flow:2101;flow-1.flow:2101", 9464),
        (3, "a:1;b:1;a:2;b:2", 9465),
        (1, "[::1]:2101;[::1]:2102", 9465),
    ],
)
def test_processes_of_one_host_take_ports_in_turn(
    process: int, addresses: str | None, port: int
) -> None:
    """Those that have a host of their own all have the same port."""
    assert own_port(9464, process, addresses) == port


def test_an_unknown_path_is_told_the_known_ones(server: MonitoringServer) -> None:
    """Whoever mistypes a path sees what there is."""
    assert ask(port_of(server), "/") == (404, "not found: try /metrics, /live or /ready\n")


@pytest.mark.parametrize("port", [None, 70_000])
def test_a_port_that_can_not_be_had_stops_the_start_with_one_line(
    server: MonitoringServer, port: int | None
) -> None:
    """It is taken, or there is none of that number; the line names the setting."""
    wanted = port or port_of(server)
    with pytest.raises(SystemExit) as stopped:
        server_module._open("127.0.0.1", wanted)
    line = str(stopped.value)
    assert f"can't serve metrics at 127.0.0.1:{wanted}: " in line
    assert "set METRICS_PORT to a port that is free" in line
    assert "\n" not in line


def test_without_a_port_nothing_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off by default: no socket, no thread."""
    monkeypatch.delattr(server_module, "MonitoringServer")
    serve_monitoring(Settings.model_validate({}), Namespace(), Event())


def test_no_secret_stands_in_the_metrics(server: MonitoringServer) -> None:
    """Nor does anything else of how to log in."""
    secret = "do-not-show-this-to-anybody-at-all"  # noqa: S105
    settings = Settings.model_validate(
        {
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "PLAIN",
            "kafka_sasl_username": secret,
            "kafka_sasl_password": secret,
            "user_id_key": secret,
        }
    )
    set_process_metrics(settings, None)
    text = ask(port_of(server), "/metrics")[1]
    assert 'batch_size="2000"' in text
    assert secret not in text


def test_whoever_goes_away_leaves_no_trace(
    server: MonitoringServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that resets its connection in the middle of an answer is worth no line."""
    answering, gone = Event(), Event()

    def answer(_registry: object) -> bytes:
        answering.set()
        gone.wait(DEADLINE_SECONDS)
        return b"x" * 10_000_000  # more than the system takes off the server's hands

    monkeypatch.setattr(server_module, "generate_latest", answer)
    client = socket.create_connection(("127.0.0.1", port_of(server)))
    client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert answering.wait(DEADLINE_SECONDS)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()  # with a reset, as a killed client's system does
    handled = Event()
    end = server.shutdown_request

    def handle_end(request: socket.socket) -> None:
        end(request)
        handled.set()

    monkeypatch.setattr(server, "shutdown_request", handle_end)
    gone.set()
    assert handled.wait(DEADLINE_SECONDS)
    assert capfd.readouterr().err == ""


def test_a_request_that_fails_is_one_line(
    server: MonitoringServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own fault is logged, without a traceback, and it keeps serving."""
    monkeypatch.setattr(HEALTH, "stuck", lambda: 1 / 0)
    assert ask(port_of(server), "/live")[0] == 0
    [line] = wait_until(lambda: capfd.readouterr().out.splitlines(), "a line")
    assert "ZeroDivisionError" in line
    assert ask(port_of(server), "/metrics")[0] == 200


def test_the_last_snapshot_is_the_folders_newest_file(tmp_path: Path) -> None:
    """SQLite writes to its log first; other files don't count, and no file means no snapshot."""
    assert last_written(tmp_path) != last_written(tmp_path), "not a number"
    for name, written in (("part-0.sqlite3", 100), ("part-0.sqlite3-wal", 200), ("other", 300)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (written, written))
    assert last_written(tmp_path) == 200


def test_every_metric_says_what_it_counts() -> None:
    """Each is declared in one place, is named after the flow, and has a text."""
    declared = [getattr(metrics, name) for name in metrics.__all__]
    ours = [family for family in REGISTRY.collect() if family.name.startswith("login_")]
    assert len(ours) == len(declared)
    assert all(family.documentation.endswith(".") for family in ours)


def test_a_batch_is_counted_once_and_not_by_login(server: MonitoringServer) -> None:
    """What its dead letters and its logins' flags add up to, in one step each."""
    port = [port_of(server)]
    reason, flag = "invalid_ip", "missing_ip"
    letters = [DeadLetter(n, 0, None, None, [], reason, "") for n in range(3)]
    stats = LoginStats()
    stats.add([processed(quality=[flag])] * 5)
    before = [
        sample(port, "login_dead_letters_total", reason=reason),
        sample(port, "login_quality_flags_total", flag=flag),
        sample(port, "login_late_total"),
    ]
    observe.batch_written(OutputBatch("in", 0, 0, 3, [], [], letters))
    observe.late_checked("observe", Tally((stats,), {}, 2))
    assert [
        sample(port, "login_dead_letters_total", reason=reason) - before[0],
        sample(port, "login_quality_flags_total", flag=flag) - before[1],
        sample(port, "login_late_total") - before[2],
    ] == [3, 5, 2]


def test_alerts_are_counted_by_kind_and_late_logins_with_them(server: MonitoringServer) -> None:
    """Of the security flow, where late logins come with the windows that they are too late for."""
    port = [port_of(server)]
    names = [("login_alerts_total", {"kind": "password_spray"}), ("login_late_total", {})]
    before = [sample(port, name, **labels) for name, labels in names]
    alert = Alert("password_spray", "203.0.113.0", "", "", 60, 50, 60, None, (), final=True)
    observe.alerted("observe", (alert, alert))
    observe.late(3)
    after = [sample(port, name, **labels) for name, labels in names]
    assert [now - then for now, then in zip(after, before, strict=True)] == [2, 3]


def test_latency_is_from_a_batchs_first_record_and_never_negative(
    server: MonitoringServer,
) -> None:
    """A producer's clock may be ahead of this one."""
    port = [port_of(server)]
    before = sample(port, "login_latency_seconds_sum")
    for ahead in (-60, 3_600):
        arrived = int((time.time() + ahead) * 1_000)
        observe.batch_written(OutputBatch("in", 0, 0, 3, [], [], [], arrived))
    assert sample(port, "login_latency_seconds_sum") - before == pytest.approx(60, abs=5)


def test_a_process_that_can_not_write_waits_for_a_last_look(
    server: MonitoringServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only if somebody looks at all: then why it ended is seen."""
    server.await_last_scrape()  # nothing failed
    monkeypatch.setattr(HEALTH, "ends", True)
    server.await_last_scrape()  # nobody looks
    ask(port_of(server), "/metrics")
    wait_until(lambda: server._scraped_at > 0, "the look is noted")
    ending = Thread(target=server.await_last_scrape)
    ending.start()
    ending.join(0.2)
    assert ending.is_alive()
    ask(port_of(server), "/metrics")
    ending.join(5)
    assert not ending.is_alive()
