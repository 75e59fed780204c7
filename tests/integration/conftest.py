"""A flow's topics with room for dead letters."""

import pytest

from tests.support.dead_letters import PARTITIONS, REPAIRS
from tests.support.flow import Flow


@pytest.fixture
def letters(flow: Flow) -> Flow:
    """A flow with topics and no letters yet, and repair functions in its folder."""
    flow.topics.make(flow.input, PARTITIONS)
    flow.topics.make(flow.dead_letter_topic, PARTITIONS)
    (flow.folder / "repairs.py").write_text(REPAIRS)
    return flow
