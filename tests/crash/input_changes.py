"""Faults of the input topic: more partitions, and a new topic under the same name."""

from typing import TYPE_CHECKING

from tests.crash.cluster import Cluster, ended_with_a_line
from tests.crash.schedule import Fault
from tests.support.logins import records
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.crash.run import SeedRun

__all__ = ["more_partitions", "recreate_input"]

GROWN = "partitions; it had"
GONE = ("was deleted while the flow was running", "was deleted and recreated while the flow was")
ANOTHER_INPUT = (
    "belongs to another input",
    "was recreated since the last run",
    "the topic was recreated, or INPUT_TOPIC has changed",
)
STOP_SECONDS = 60.0
WRITE_SECONDS = 120.0
LOGINS = range(1_000_000, 1_000_100)  # none of those that the seed feeds


def more_partitions(run: "SeedRun", fault: Fault) -> str | None:
    """Give the input more partitions: the flow ends with a line, and its restart reads all.

    The feed sends to them as soon as its producer knows them, before or after that.
    """
    run.flow.topics.grow(run.flow.input, run.feed.partitions.now + fault.value)
    run.feed.allow(run.for_later(fault))
    problem = _stopped(run.cluster, (GROWN,))
    run.start()
    return problem


def recreate_input(run: "SeedRun") -> str | None:
    """Delete the input and create another topic of its name: the flow ends, and stays ended."""
    flow = run.flow
    run.start()
    wanted = len(flow.outputs()) + len(LOGINS)
    flow.topics.send(flow.input, records(LOGINS, run.schedule.partitions))
    wait_until(lambda: len(flow.outputs()) == wanted, "the last logins", WRITE_SECONDS)
    flow.topics.delete(flow.input)
    wait_until(lambda: flow.topics.describe(flow.input)["error_code"] != 0, "the topic is gone")
    flow.topics.make(flow.input, run.schedule.partitions)
    problem = _stopped(run.cluster, GONE)
    flow.topics.send(flow.input, records(LOGINS, run.schedule.partitions))
    run.start()
    problem = problem or _stopped(run.cluster, ANOTHER_INPUT)
    if len(flow.outputs()) != wanted:
        return "it wrote what came into another topic"
    return problem


def _stopped(cluster: Cluster, lines: tuple[str, ...]) -> str | None:
    """See that the flow ends by itself and says why."""
    try:
        wait_until(cluster.any_ended, "the end of the flow", STOP_SECONDS)
    except AssertionError:
        cluster.kill()
        return "it went on with an input that had changed"
    statuses = cluster.end()
    if not ended_with_a_line(statuses):
        return f"it ended with {statuses}"
    return None if any(line in cluster.said() for line in lines) else "it didn't say why it ended"
