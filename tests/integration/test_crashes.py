"""Killed processes and brokers: each login once, totals right."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_kafka import LocalKafka
from tests.support.flow import Flow, FlowProcess
from tests.support.logins import USERS, numbers, records
from tests.support.waiting import wait_until

LOGINS = 60_000


def test_kill_9_in_mid_stream_and_resume(flow: Flow) -> None:
    """Killed again and again while it writes, the flow writes each login once."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(LOGINS)))
    for size in (150, 250, 400):
        kill_while_writing(flow, *flow.recovery_options(), BATCH_SIZE=str(size))
    run = flow.back_fill(BATCH_SIZE="1000")
    assert numbers(flow.outputs()) == list(range(LOGINS))
    assert_totals(run, LOGINS)


def test_kill_9_before_the_first_snapshot(flow: Flow) -> None:
    """Killed before any snapshot, the flow rebuilds its totals and writes nothing twice."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(LOGINS)))
    recovery = flow.recovery_options()
    recovery[recovery.index("-s") + 1] = "3600"  # so that no snapshot can have been taken
    kill_while_writing(flow, *recovery, BATCH_SIZE="200")
    run = flow.back_fill()
    assert "reading again to rebuild it" in run.output()
    assert numbers(flow.outputs()) == list(range(LOGINS))
    assert_totals(run, LOGINS)


def test_kill_9_without_a_recovery_folder(flow: Flow) -> None:
    """With the progress records alone each login is written once, and totals are rebuilt."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(LOGINS)))
    for _ in range(2):
        kill_while_writing(flow, BATCH_SIZE="200")
    run = flow.back_fill(recovery=False)
    again = re.search(r"run with -r DIR to avoid this.*records=(\d+)", run.output())
    assert again
    assert 0 < int(again[1]) < 2 * LOGINS
    assert numbers(flow.outputs()) == list(range(LOGINS))
    assert_totals(run, LOGINS)


def test_continue_starts_at_the_progress_with_new_totals(flow: Flow) -> None:
    """ON_MISSING_STATE=continue reads nothing again; each login is still written once."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(1_000)))
    flow.back_fill(recovery=False)
    flow.topics.send(flow.input, records(range(1_000, 1_400)))
    run = flow.back_fill(recovery=False, ON_MISSING_STATE="continue")
    assert numbers(flow.outputs()) == list(range(1_400))
    assert "final report: 400 logins" in run.output()


def test_totals_go_on_after_a_drain(flow: Flow) -> None:
    """SIGTERM drains with a last snapshot; the next run's report goes on from it."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(1_000)))
    with flow.running(*flow.recovery_options(), REPORT_EVERY="500") as process:
        process.wait_for_text("report: 1,000 logins")
        assert process.stop() == 0, process.output()
    flow.topics.send(flow.input, records(range(1_000, 1_500)))
    run = flow.back_fill()
    assert "reading again" not in run.output()
    assert numbers(flow.outputs()) == list(range(1_500))
    assert_totals(run, 1_500)


def test_the_flow_outlives_a_broker_that_is_killed(own_kafka: LocalKafka, tmp_path: Path) -> None:
    """A broker killed in mid-stream and started again: the flow goes on, each login once."""
    flow = Flow(own_kafka.bootstrap_servers, "outlive", tmp_path)
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(LOGINS)))
    with flow.running(*flow.recovery_options(), STOP_AT_END="true", BATCH_SIZE="200") as process:
        wait_until(lambda: sum(flow.topics.ends(flow.output).values()) > 1_000, "outputs")
        own_kafka.kill()
        own_kafka.start()
        assert process.wait() == 0, process.output()
    assert numbers(flow.outputs()) == list(range(LOGINS))
    assert_totals(process, LOGINS)


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker that a test may kill."""
    with LocalKafka(tmp_path / "kafka") as broker:
        yield broker


def kill_while_writing(flow: Flow, *options: str, **settings: str) -> None:
    """Start the flow and kill -9 it when it has written something, but by far not all."""
    before = sum(flow.topics.ends(flow.output).values()) if _exists(flow) else 0
    with flow.running(*options, **settings) as process:
        wait_until(lambda: _exists(flow), "the output topic")
        wait_until(lambda: sum(flow.topics.ends(flow.output).values()) > before, "outputs")
        process.kill()
    assert len(set(numbers(flow.outputs()))) < LOGINS, "killed too late to prove anything"


def _exists(flow: Flow) -> bool:
    return bool(flow.topics.describe(flow.output)["error_code"] == 0)


def assert_totals(run: FlowProcess, logins: int) -> None:
    """See that the final report counts each login once, and each user."""
    [line] = re.findall(r"final report: ([\d,]+) logins.* ([\d,]+) unique users", run.output())
    counted, users = (int(figure.replace(",", "")) for figure in line)
    assert counted == logins
    assert abs(users - min(USERS, logins)) <= USERS * 0.03
