"""A broker that crash tests may kill and pause, and flows on it."""

import itertools
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_kafka import LocalKafka
from tests.crash.cluster import Cluster
from tests.crash.run import BROKER_PROPERTIES
from tests.support.flow import Flow
from tests.support.java import make_class_cache

_numbers = itertools.count()
Start = Callable[..., Cluster]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let kafka-python leave the sockets of its failed attempts to the garbage collector."""
    leaks = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(leaks)


@pytest.fixture(scope="package")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A running broker for tests that leave it running, whatever they do to it meanwhile."""
    make_class_cache()
    with LocalKafka(tmp_path_factory.mktemp("kafka"), properties=BROKER_PROPERTIES) as broker:
        yield broker


@pytest.fixture
def crash_flow(breakable: LocalKafka, tmp_path: Path) -> Flow:
    """A flow on that broker."""
    return Flow(breakable.bootstrap_servers, f"crash{next(_numbers)}", tmp_path)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a cluster, as its class does; none is left behind, however the test ends."""
    clusters = []

    def begin(*arguments: Any, **options: Any) -> Cluster:
        clusters.append(Cluster(*arguments, **options))
        return clusters[-1]

    yield begin
    for cluster in clusters:
        cluster.send(signal.SIGCONT)
        cluster.kill()
