"""A secured Kafka for all tests of this folder, and a flow on it."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.secured import SecuredKafka, secured_kafka
from tests.support.flow import Flow
from tests.support.java import make_class_cache

_numbers = itertools.count()


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A running broker with a listener for each way to secure one."""
    make_class_cache()
    with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        yield kafka


@pytest.fixture
def secured_flow(secured: SecuredKafka, tmp_path: Path) -> Flow:
    """A flow on the secured broker; what tests ask the broker goes over the plain listener."""
    return Flow(secured.broker.bootstrap_servers, f"secured{next(_numbers)}", tmp_path)
