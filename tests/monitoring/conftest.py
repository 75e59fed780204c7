"""Prometheus, and a cluster of two processes that it asks."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import pytest

from local_kafka import LocalKafka
from tests.monitoring import prometheus
from tests.monitoring.prometheus import Prometheus
from tests.support.debian import find_or_unpack
from tests.support.flow import Flow
from tests.support.logins import login, records
from tests.support.ports import unused_pair, unused_port
from tests.support.waiting import wait_until

LOGINS = 20_000  # 200 seconds of event time
LATE = 40  # the first ones once more, when windows have moved on
FLAGGED = 60
BAD = 20


@dataclass
class Monitored:
    """A cluster that has processed all it was sent, still running, and a Prometheus that watched.

    Attributes:
        flow: the cluster's.
        ports: of its processes' metrics.
        prometheus: asks both once a second.
    """

    flow: Flow
    ports: tuple[int, int]
    prometheus: Prometheus


@pytest.fixture(scope="session")
def prometheus_path() -> str:
    """Where Prometheus is; without one the tests are skipped, but never in CI."""
    return find_or_unpack("prometheus", "prometheus")


@pytest.fixture(scope="session")
def promtool() -> str:
    """Where the tool that checks and tests rules is."""
    return find_or_unpack("promtool", "prometheus")


@pytest.fixture(scope="module")
def monitored(
    kafka: LocalKafka,
    tmp_path_factory: pytest.TempPathFactory,
    prometheus_path: str,
) -> Iterator[Monitored]:
    """Two processes on one host that have processed logins of every kind."""
    folder = tmp_path_factory.mktemp("monitored")
    flow = Flow(kafka.bootstrap_servers, "monitored", folder)
    flow.topics.make(flow.input)
    one, other, own = (unused_port() for _ in range(3))
    options = [*flow.recovery_options(), "-a", f"127.0.0.1:{one};127.0.0.1:{other}"]
    first = unused_pair()
    with ExitStack() as stack:
        for process in ("0", "1"):
            started = flow.running(*options, "-i", process, METRICS_PORT=str(first))
            stack.enter_context(started)
        ports = (first, first + 1)
        configuration = prometheus.for_processes(ports)
        asked = prometheus.running(prometheus_path, folder, own, configuration)
        found = Monitored(flow, ports, stack.enter_context(asked))
        _feed(found)
        yield found


def _feed(monitored: Monitored) -> None:
    """Send logins once both processes have been seen, so that all of them count as a rise."""
    flow, known = monitored.flow, monitored.prometheus
    seen = "count(login_processed_total{job='login'})"
    wait_until(lambda: known.value(seen) == 2, "both processes are asked", 60)
    flow.topics.send(flow.input, chain(records(range(LOGINS)), records(range(LATE)), _faulty()))
    everything = LOGINS + LATE + FLAGGED
    written = "sum(login_processed_total{job='login'})"
    wait_until(lambda: known.value(written) == everything, f"{everything} logins", 60)


def _faulty() -> Iterator[dict[str, Any]]:
    for number in range(LOGINS, LOGINS + FLAGGED):
        value = msgspec.json.encode({**login(number), "locale": None})
        yield {"value": value, "partition": number % 4}
    for number in range(BAD):
        yield {"value": b"bad", "partition": number % 4}
        yield {"value": None, "key": b"gone", "partition": number % 4}
