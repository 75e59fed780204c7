"""A flood of bad messages stops the flow with a message, and loses none of them."""

from tests.support.flow import Flow
from tests.support.logins import numbers, records


def test_a_flood_stops_the_flow_until_it_is_turned_off(flow: Flow) -> None:
    """It stops with the commonest reasons, again after a restart, and loses and repeats nothing."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(4_000)))
    flow.topics.send(flow.input, ({"value": b"bad", "partition": n % 4} for n in range(16_000)))
    options = flow.recovery_options()
    for _ in range(2):
        with flow.running(*options, BATCH_SIZE="500") as process:
            assert process.wait() == 1, process.output()
        assert "records are dead letters" in process.output()
        assert "most: not_json" in process.output()
        assert "Traceback" not in process.output()
    flow.back_fill(MAX_DEAD_LETTER_RATIO="0")
    assert len(flow.dead_letters()) == 16_000
    assert numbers(flow.outputs()) == list(range(4_000))


def test_a_back_fill_of_bad_messages_fails_when_all_is_written(flow: Flow) -> None:
    """An input that ends before the stop: exit status 1, with every dead letter written once."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, ({"value": b"bad", "partition": n % 4} for n in range(12_000)))
    with flow.running(*flow.recovery_options(), STOP_AT_END="true") as process:
        assert process.wait() == 1, process.output()
    assert "records are dead letters" in process.output()
    assert len(flow.dead_letters()) == 12_000
