"""What a broker failed to abort (a hanging transaction) never comes out, whatever commits later."""

import pytest

from tests.support.flow import Flow
from tests.support.hanging import leave_hanging
from tests.support.logins import numbers, records

LOGINS = 100


@pytest.mark.parametrize("where", ["output", "progress_topic", "dead_letter_topic"])
def test_what_a_broker_failed_to_abort_never_comes_out(flow: Flow, where: str) -> None:
    """Records of a former life are open when the flow starts again and writes there itself."""
    topic = getattr(flow, where)
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(LOGINS)))
    flow.back_fill()
    before = flow.topics.read(topic)
    flow.topics.send(flow.input, [{"value": b"no login", "partition": 1}])
    leave_hanging(flow.servers, f"{flow.group}/{flow.input}/1", topic, 1, b"former life", b"{}")
    flow.topics.send(flow.input, records(range(LOGINS, 2 * LOGINS)))
    flow.back_fill()
    assert b"former life" not in {record.key for record in flow.topics.read(topic)}
    assert len(flow.topics.read(topic)) > len(before)
    assert numbers(flow.outputs()) == list(range(2 * LOGINS))
