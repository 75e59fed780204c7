"""A start that can't work: one line that says what to do, and a non-zero exit."""

import os
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from file_lock import try_lock
from tests.support.flow import Flow


def refused(flow: Flow, *options: str, **settings: str) -> str:
    """Run the flow, see that it exits with 1, and return the one line that it printed last."""
    with flow.running(*options, **settings) as process:
        assert process.wait() == 1, process.output()
    lines = process.output().splitlines()
    assert "Traceback" not in process.output()
    assert not [line for line in lines[:-1] if "waiting" not in line], process.output()
    return lines[-1]


def test_no_worker(flow: Flow) -> None:
    """`-w 0`, with which the engine exits 0 in silence, is refused."""
    assert refused(flow, "-w", "0") == "-w 0: the number of workers has to be 1 or more"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("BATCH_SIZE", "0", "greater than or equal to 1"),
        ("BATCH_SIZE", "many", "a valid integer"),
        ("DELIVERY_GUARANTEE", "maybe", "'exactly_once' or 'at_least_once'"),
        ("INPUT_TOPIC", "a topic", "should match pattern"),
        ("ON_MISSING_STATE", "ask", "'replay' or 'continue'"),
    ],
)
def test_a_wrong_setting(flow: Flow, name: str, value: str, allowed: str) -> None:
    """A wrong setting is named with its value and what is allowed."""
    line = refused(flow, **{name: value})
    assert name in line
    assert repr(value) in line
    assert allowed in line.lower() or allowed in line


def test_no_recovery_folder(flow: Flow, tmp_path: Path) -> None:
    """A recovery folder that isn't there is refused, with the command that makes it."""
    line = refused(flow, "-r", str(tmp_path / "nowhere"), "-s", "1", "-b", "0")
    assert f"python -m bytewax.recovery {tmp_path / 'nowhere'} 1" in line


def test_a_damaged_recovery_folder(flow: Flow) -> None:
    """The engine's pages of trace become one line, and nothing is tried with Kafka."""
    options = flow.recovery_options()
    (flow.recovery / "part-0.sqlite3").write_bytes(b"something else" * 1_000)
    line = refused(flow, *options, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert "part-0.sqlite3 is damaged (file is not a database)" in line
    assert "put a copy of the folder in its place, or move the folder away" in line


def test_a_recovery_folder_of_another_flow(flow: Flow) -> None:
    """State that the engine would drop without a word stops the start."""
    options = flow.recovery_options()
    with closing(sqlite3.connect(flow.recovery / "part-0.sqlite3")) as store, store:
        store.execute(
            "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)",
            ("orders.read", "00000", 1, pickle.dumps(1)),
        )
    line = refused(flow, *options, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert "steps that this flow doesn't have (orders.read)" in line


def test_a_recovery_folder_in_use(flow: Flow) -> None:
    """A second process ends with a line, before it reads the folder or asks anything of Kafka."""
    options = flow.recovery_options()
    (flow.recovery / "part-0.sqlite3").write_bytes(b"something else")
    descriptor = os.open(flow.recovery, os.O_RDONLY)
    try:
        assert try_lock(descriptor)
        line = refused(flow, *options, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    finally:
        os.close(descriptor)
    assert line.startswith(f"-r {flow.recovery}: another process is using this recovery folder:")


def test_no_broker(flow: Flow, free_ports: list[int]) -> None:
    """Without a broker the start waits for BROKER_WAIT_SECONDS, and exits with a line."""
    servers = f"127.0.0.1:{free_ports[0]}"
    line = refused(flow, KAFKA_BOOTSTRAP_SERVERS=servers, BROKER_WAIT_SECONDS="1")
    assert f"no Kafka broker answers at {servers}" in line
    assert "KAFKA_BOOTSTRAP_SERVERS" in line


def test_no_input_topic(flow: Flow) -> None:
    """Without the input topic the start waits for BROKER_WAIT_SECONDS, and exits."""
    line = refused(flow, BROKER_WAIT_SECONDS="1")
    assert f"there is no topic {flow.input}" in line


def test_an_input_topic_that_comes_while_waiting_is_used(flow: Flow) -> None:
    """A start that waits for its input goes on when the topic is made."""
    with flow.running(BROKER_WAIT_SECONDS="60") as process:
        process.wait_for_text("there is no topic")
        flow.topics.make(flow.input)
        process.wait_for_text("topic created")
        assert process.stop() == 0, process.output()


def test_a_start_that_waits_can_be_stopped(flow: Flow) -> None:
    """SIGTERM while waiting for the input topic ends the process in order."""
    with flow.running(BROKER_WAIT_SECONDS="60") as process:
        process.wait_for_text("there is no topic")
        assert process.stop() == 0, process.output()


def test_missing_topics_that_may_not_be_made(flow: Flow) -> None:
    """With CREATE_TOPICS=false the missing topics are named."""
    flow.topics.make(flow.input)
    line = refused(flow, CREATE_TOPICS="false")
    for topic in (flow.output, flow.dead_letter_topic, flow.progress_topic, flow.insights_topic):
        assert topic in line


def test_too_few_dead_letter_partitions(flow: Flow) -> None:
    """A dead-letter topic with fewer partitions than the input, that may not be widened."""
    flow.topics.make(flow.input, partitions=4)
    flow.topics.make(flow.dead_letter_topic, partitions=2)
    line = refused(flow, CREATE_TOPICS="false")
    assert f"topic {flow.dead_letter_topic} has 2 partitions, fewer than the 4" in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-a", "127.0.0.1:1;127.0.0.1:2"], "-a needs -i"),
        (["-i", "2", "-a", "127.0.0.1:1;127.0.0.1:2"], "-i 2: with 2 addresses"),
        (["-i", "0", "-a", "127.0.0.1"], "an address is HOST:PORT"),
    ],
)
def test_a_cluster_that_does_not_add_up(flow: Flow, options: list[str], said: str) -> None:
    """Process number and addresses that don't fit together are refused."""
    assert said in refused(flow, *options)
