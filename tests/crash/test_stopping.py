"""How the flow stops on a signal, and what it does while the broker is away."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka.errors import KafkaError

from local_kafka import LocalKafka
from operators.event_time import Windowing
from operators.insights import iso_time
from tests.crash.conftest import Start
from tests.support.flow import Flow
from tests.support.logins import login, numbers, records
from tests.support.processes import start_process
from tests.support.waiting import DEADLINE_SECONDS, wait_until

LOGINS = 20_000
DRAIN_SECONDS = 30  # what the compose files and Kubernetes give it
AWAY_SECONDS = 6.0


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize(("processes", "workers"), [(1, 1), (1, 2), (2, 1)])
def test_a_signal_drains(
    crash_flow: Flow, signum: signal.Signals, processes: int, workers: int, start: Start
) -> None:
    """The batch in hand is committed, the last snapshot taken, and the status is 0."""
    fill(crash_flow)
    options = [*only_the_last_snapshot(crash_flow), "-w", str(workers)]
    cluster = start(crash_flow, processes, options=options, settings={"BATCH_SIZE": "50"})
    await_outputs(crash_flow)
    cluster.send(signum)
    assert cluster.wait(DRAIN_SECONDS) == [0] * processes, cluster.said()
    assert_goes_on_from_the_last_snapshot(crash_flow)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a namespace for processes")
def test_a_signal_drains_process_1_of_a_container(crash_flow: Flow) -> None:
    """As PID 1, for which the kernel ignores signals that nobody handles, the flow drains too."""
    fill(crash_flow)
    options = [*only_the_last_snapshot(crash_flow)]
    python = [sys.executable, "-m", "bytewax.run", "dataflows.login", *options]
    log = crash_flow.folder / "container.log"
    with log.open("wb") as output:
        outside = start_process(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", *python],
            cwd=crash_flow.folder,
            env=crash_flow.environment(BATCH_SIZE="50"),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        await_outputs(crash_flow)
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
        os.kill(int(children.read_text()), signal.SIGTERM)
        assert outside.wait(DRAIN_SECONDS) == 0, log.read_text()
    finally:
        outside.kill()
        outside.wait()
    assert_goes_on_from_the_last_snapshot(crash_flow)


def test_a_second_signal_ends_at_once(
    breakable: LocalKafka, crash_flow: Flow, start: Start
) -> None:
    """A drain that waits for a broker that doesn't answer needn't be waited for."""
    fill(crash_flow)
    cluster = start(crash_flow, 1, settings={"BATCH_SIZE": "50"})
    await_outputs(crash_flow)
    breakable.pause()
    try:
        cluster.send(signal.SIGTERM)
        wait_until(lambda: "a second signal ends at once" in cluster.said(), "the first signal")
        cluster.send(signal.SIGTERM)
        assert cluster.wait(DEADLINE_SECONDS) == [-signal.SIGTERM]
    finally:
        breakable.resume()
        cluster.kill()
    crash_flow.back_fill()
    assert numbers(crash_flow.outputs()) == list(range(LOGINS))


@pytest.mark.parametrize("away", ["pause", "kill"])
def test_with_nothing_in_hand_it_drains_without_the_broker(
    breakable: LocalKafka, crash_flow: Flow, away: str, start: Start
) -> None:
    """Where all is written, a broker that is away is no reason not to end in order."""
    fill(crash_flow)
    cluster = start(crash_flow, 1)
    await_all(crash_flow)
    await_windows(crash_flow)
    getattr(breakable, away)()
    try:
        assert cluster.drain(DRAIN_SECONDS) == [0], cluster.said()
    finally:
        if away == "pause":
            breakable.resume()
        else:
            breakable.start()


def test_a_start_waits_for_the_broker_with_a_line_and_goes_on(
    breakable: LocalKafka, crash_flow: Flow, start: Start
) -> None:
    """With the broker away at start, the flow says so every few seconds and begins when it can."""
    fill(crash_flow)
    breakable.kill()
    try:
        cluster = start(crash_flow, 1, settings={"BROKER_WAIT_SECONDS": "120"})
        wait_until(lambda: "no Kafka broker answers" in cluster.said(), "a line")
    finally:
        breakable.start()
    await_outputs(crash_flow)
    assert cluster.drain(DRAIN_SECONDS) == [0], cluster.said()


def test_a_start_gives_up_at_the_limit(
    crash_flow: Flow, free_ports: list[int], start: Start
) -> None:
    """After BROKER_WAIT_SECONDS it ends with status 1 and says what to do."""
    begin = time.monotonic()
    nobody = {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_ports[0]}",
        "BROKER_WAIT_SECONDS": "9",
    }
    cluster = start(crash_flow, 1, settings=nobody)
    assert cluster.wait(DEADLINE_SECONDS) == [1]
    assert time.monotonic() - begin >= 9
    assert "waiting" in cluster.said()
    assert cluster.said().splitlines()[-1].startswith("no Kafka broker answers")


@pytest.mark.parametrize("away", ["pause", "kill"])
def test_a_broker_away_later_is_waited_for(
    breakable: LocalKafka, crash_flow: Flow, away: str, start: Start
) -> None:
    """It uses little processor time and no more memory meanwhile, and then writes all, once."""
    fill(crash_flow)
    cluster = start(crash_flow, 1, settings={"BATCH_SIZE": "50"})
    await_every_partition(crash_flow)
    getattr(breakable, away)()
    try:
        [member] = cluster.members
        wait_until(lambda: "Kafka is away" in member.output(), "a line that says so")
        cpu, memory = member.cpu_seconds(), member.resident_mb()
        time.sleep(AWAY_SECONDS)  # what is measured is how much is used in this time
        assert member.cpu_seconds() - cpu < AWAY_SECONDS * 0.2
        assert member.resident_mb() - memory < 30
        assert member.output().count("Kafka is away") == 1
    finally:
        if away == "pause":
            breakable.resume()
        else:
            breakable.start()
    await_all(crash_flow)
    assert cluster.drain(DRAIN_SECONDS) == [0], cluster.said()
    assert numbers(crash_flow.outputs()) == list(range(LOGINS))


def fill(flow: Flow) -> None:
    """Put logins into the input, more than the flow writes before it is stopped."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(LOGINS)))


def only_the_last_snapshot(flow: Flow) -> list[str]:
    """Return options with which no snapshot is taken but that at the end of a drain."""
    options = flow.recovery_options()
    options[options.index("-s") + 1] = "3600"
    return options


def await_outputs(flow: Flow) -> None:
    """Return when something is written, and long before all is."""
    topics = flow.topics
    wait_until(lambda: topics.describe(flow.output)["error_code"] == 0, "the output topic", 60)
    wait_until(lambda: sum(topics.ends(flow.output).values()) > 0, "outputs", 60)


def await_every_partition(flow: Flow) -> None:
    """Return when each partition has written something: no part of the start is left."""
    await_outputs(flow)
    ends = flow.topics.ends
    wait_until(lambda: all(ends(flow.progress_topic).values()), "progress of every partition", 60)


def await_all(flow: Flow) -> None:
    """Return when the progress records say that all is written."""

    def written() -> int:
        try:
            records = flow.topics.read(flow.progress_topic)
        except KafkaError:  # of a broker that has not come back wholly
            return 0
        found = (json.loads(record.value) for record in records)
        return sum({record["partition"]: record["offset"] for record in found}.values())

    wait_until(lambda: written() == LOGINS, "all outputs", 120)


def await_windows(flow: Flow) -> None:
    """Return when the last window that the logins close is written."""
    newest = login(LOGINS - 1)["timestamp"]
    windowing = Windowing(60, 10)
    start = windowing.start(newest - windowing.seconds - windowing.lateness)
    key = iso_time(start).encode()
    topics = flow.topics
    wait_until(
        lambda: any(record.key == key for record in topics.read(flow.insights_topic)),
        "the last window",
    )


def assert_goes_on_from_the_last_snapshot(flow: Flow) -> None:
    """See that a drain was in mid-stream, and the next run reads nothing again."""
    assert len(flow.outputs()) < LOGINS, "drained too late to prove anything"
    run = flow.back_fill()
    assert "reading again" not in run.output()
    assert numbers(flow.outputs()) == list(range(LOGINS))
    [logins] = re.findall(r"final report: ([\d,]+) logins", run.output())
    assert logins == f"{LOGINS:,}"
