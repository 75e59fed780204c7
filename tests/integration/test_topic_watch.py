"""Topics that change while a flow runs: it stops with a line, and the next start loses nothing."""

from collections.abc import Sequence
from contextlib import ExitStack

import pytest

from tests.monitoring.web import ask, sample
from tests.support import security
from tests.support.attacks import START, spray
from tests.support.flow import Flow, FlowProcess
from tests.support.logins import numbers, records
from tests.support.waiting import wait_until

ENDS = (503, "not ready: this process is stopping: the last line of its log says why\n")
KINDS = ("deleted", "recreated", "grown", "output_deleted")


@pytest.fixture
def filled(flow: Flow) -> Flow:
    """A flow with 100 logins in its input."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    return flow


def await_outputs(flow: Flow, count: int) -> None:
    """Return when so many logins are processed."""
    wait_until(lambda: len(flow.outputs()) >= count, f"{count} outputs")


def last_line(process: FlowProcess) -> str:
    """Return what a process said last that ended with status 1."""
    assert process.wait(60) == 1, process.output()
    assert "Traceback" not in process.output()
    return process.output().splitlines()[-1]


def told(port: int) -> list[str]:
    """Return the changes that a process tells in its metrics once it is ending."""
    if ask(port, "/ready") != ENDS:
        return []
    text = ask(port, "/metrics")[1]
    return [kind for kind in KINDS if f'login_topic_changes_total{{kind="{kind}"}} 1.0' in text]


def test_a_recreated_input_topic_stops_the_flow(filled: Flow, free_ports: list[int]) -> None:
    """Its metrics tell before it ends; with a new group and folder all of the topic is read."""
    port = free_ports[0]
    with filled.running(*filled.recovery_options(), METRICS_PORT=str(port)) as process:
        await_outputs(filled, 100)
        assert sample([port], "login_topic_changes_total") == 0
        filled.topics.delete(filled.input)
        filled.topics.make(filled.input)
        changes = wait_until(lambda: told(port), "what changed")
        line = last_line(process)
    assert changes in (["recreated"], ["deleted"])  # by whether a look fell between the two
    assert f"topic {filled.input} was deleted" in line
    assert "start with a new KAFKA_GROUP_ID and a new recovery folder" in line
    filled.topics.send(filled.input, records(range(1_000, 1_200)))
    filled.group, filled.recovery = f"{filled.group}-2", filled.folder / "recovery-2"
    filled.back_fill()
    assert numbers(filled.outputs()) == [*range(100), *range(1_000, 1_200)]


def test_a_deleted_output_topic_stops_the_flow(filled: Flow) -> None:
    """With its name; the next start makes it, and no login that follows is lost."""
    with filled.running(*filled.recovery_options()) as process:
        await_outputs(filled, 100)
        filled.topics.delete(filled.output)
        line = last_line(process)
    assert f"topic {filled.output}, which the flow writes to, was deleted" in line
    filled.topics.send(filled.input, records(range(100, 200)))
    filled.back_fill()
    assert numbers(filled.outputs()) == list(range(100, 200))


def test_the_security_flow_watches_its_own_input(flow: Flow) -> None:
    """That is the login flow's output: one that is deleted stops it, too."""
    watched = security.beside(flow)
    security.send(watched, [spray(START, users=50)])
    with watched.running() as process:
        wait_until(lambda: flow.topics.read(security.progress_topic(watched)), "progress")
        flow.topics.delete(watched.output)
        line = last_line(process)
    assert f"topic {watched.output} was deleted while the flow was running" in line


def test_more_partitions_are_read_after_a_restart(filled: Flow, free_ports: list[int]) -> None:
    """A supervisor that starts a cluster again is enough: nobody has to widen a topic.

    The state goes on, and each login is there once.
    """
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports[:2])
    clusters = [["-i", str(number), "-a", addresses] for number in range(2)]
    with ExitStack() as stack:
        processes = run(stack, filled, clusters)
        await_outputs(filled, 100)
        filled.topics.grow(filled.input, 6)
        filled.topics.send(filled.input, records(range(100, 700), partitions=6))
        assert [process.wait(60) for process in processes] == [1, 1]
        said = [process.output() for process in processes]
        line = f"topic {filled.input} now has 6 partitions; it had 4 when the flow started: restart"
        assert any(line in output for output in said), said
    with ExitStack() as stack:
        processes = run(stack, filled, clusters, STOP_AT_END="true")
        assert [process.wait() for process in processes] == [0, 0], processes[0].output()
    assert numbers(filled.outputs()) == list(range(700))
    assert any("final report: 700 logins" in process.output() for process in processes)
    wide = (filled.dead_letter_topic, filled.progress_topic, filled.output)
    assert [len(filled.topics.describe(topic)["partitions"]) for topic in wide] == [6, 6, 4]


def run(
    stack: ExitStack, flow: Flow, clusters: Sequence[Sequence[str]], **settings: str
) -> list[FlowProcess]:
    """Start the processes of a cluster."""
    options = flow.recovery_options()
    return [stack.enter_context(flow.running(*options, *one, **settings)) for one in clusters]
