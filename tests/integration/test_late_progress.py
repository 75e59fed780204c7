"""At-least-once delivery, without fencing: what a suspended process writes late."""

from threading import Event

from connectors.group_offsets import GroupOffsets
from connectors.sink import TransactionalKafkaSink
from connectors.topics import prepare_topics
from records import OutputBatch
from tests.support.flow import Flow
from tests.support.logins import numbers, records


def test_older_progress_behind_newer_one_stops_no_start(flow: Flow) -> None:
    """The flow goes on from its state: nothing is lost, and nothing more is written twice."""
    flow.settings["DELIVERY_GUARANTEE"] = "at_least_once"
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, records(range(100), partitions=1))
    flow.back_fill()
    write_late(flow, next_offset=10)
    flow.topics.send(flow.input, records(range(100, 200), partitions=1))
    run = flow.back_fill()
    assert numbers(flow.outputs()) == list(range(200))
    assert "final report: 200 logins" in run.output()
    assert "resuming from the saved state; nothing is lost" in run.output()


def write_late(flow: Flow, next_offset: int) -> None:
    """Write progress as a process does that fell asleep before the flow came further."""
    settings = flow.as_settings(delivery_guarantee="at_least_once")
    topics = prepare_topics(settings, Event())
    offsets = GroupOffsets(settings, topics)
    sleeper = TransactionalKafkaSink(settings, topics, offsets).build_part("write", "00000", None)
    sleeper._written = 0  # as it was when it fell asleep
    sleeper.write_batch([OutputBatch(flow.input, 0, 0, next_offset, [], [])])
    sleeper.close()
