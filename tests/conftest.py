"""A real Kafka for all tests, and a flow with topics of its own for each."""

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from connectors import writers
from local_kafka import LocalKafka
from tests.support.flow import Flow
from tests.support.java import make_class_cache, use_class_cache
from tests.support.ports import unused_port
from tests.support.stopped import stop
from tests.support.topics import Topics
from tests.support.workers import pytest_handlecrashitem

__all__ = ["pytest_handlecrashitem"]

_numbers = itertools.count()

# How long an example takes says more of the machine than of the code.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

# In the background of a script the tests are started with SIGINT ignored, under nohup with SIGHUP
# ignored, and so would be what they start: a program inherits that from its parent.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

use_class_cache()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A running broker that all tests share; a test that kills a broker starts its own."""
    make_class_cache()
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def free_ports() -> list[int]:
    """Some ports of this machine that nothing listens on."""
    return [unused_port() for _ in range(4)]


@pytest.fixture
def topics(kafka: LocalKafka) -> Topics:
    """An independent client of the shared broker."""
    return Topics(kafka.bootstrap_servers)


@pytest.fixture
def flow(kafka: LocalKafka, tmp_path: Path) -> Flow:
    """A flow whose topics, group and recovery folder nothing else uses."""
    return Flow(kafka.bootstrap_servers, f"flow{next(_numbers)}", tmp_path)


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a writer raise StoppedError where it would end the process."""
    monkeypatch.setattr(writers, "stop_process", stop)
