"""Replays that are killed, interrupted and fenced: each letter goes back once."""

import signal
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.support.dead_letters import PARTITIONS, closing, dead, replayed, start
from tests.support.flow import Flow
from tests.support.hanging import leave_hanging
from tests.support.waiting import wait_until


def test_killed_at_any_moment_and_repeated_each_goes_back_once(letters: Flow) -> None:
    """kill -9 in the middle of transactions, again and again; at the end each is there once."""
    count = 2_000
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(count)))
    reached = []
    for kill in range(5):
        ends = letters.topics.ends(letters.input)
        with start(letters, "replay", BATCH_SIZE="7") as process:
            _wait_for_records(letters, sum(ends.values()) + 100 + 17 * kill)
            time.sleep(0.003 * kill)
            process.kill()
            process.communicate()
        reached.append(len(replayed(letters)))
    assert reached == sorted(reached)
    assert reached[-1] < count
    with start(letters, "replay", "--repair", "repairs:die", BATCH_SIZE="7") as process:
        process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    line = closing(letters)
    assert replayed(letters) == list(range(count))
    assert int(line.split()[0]) + int(line.split(", ")[1].split()[0]) == count


def test_interrupted_in_order_and_repeated(letters: Flow) -> None:
    """On SIGINT the batch in hand is written, the line says to run it again, and that goes on."""
    count = 1_000
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(count)))
    with start(letters, "replay", "--repair", "repairs:slow", BATCH_SIZE="10") as process:
        _wait_for_records(letters, 20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err
    done = replayed(letters)
    assert out.splitlines()[-1] == (
        f"dlq: {len(done)} replayed into {letters.input}, 0 replayed before, 0 left; "
        "stopped early: run it again to go on"
    )
    assert closing(letters).startswith(f"{count - len(done)} replayed")
    assert replayed(letters) == list(range(count))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells whether a signal is heeded")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_interrupted_while_it_waits_for_a_broker(
    tmp_path: Path, free_ports: list[int], signum: signal.Signals
) -> None:
    """Nothing was done, and the status says so."""
    nobody = Flow(f"127.0.0.1:{free_ports[0]}", "nobody", tmp_path)
    with start(nobody, "show", BROKER_WAIT_SECONDS="60") as process:
        wait_until(lambda: _heeds(process.pid, signum), "it heeds signals")
        process.send_signal(signum)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err


def test_of_two_at_once_the_first_is_fenced(letters: Flow) -> None:
    """The one started later does the work; the other ends with a line, and nothing is twice."""
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(600)))
    with start(letters, "replay", "--repair", "repairs:slow", BATCH_SIZE="5") as first:
        _wait_for_records(letters, 20)
        assert int(closing(letters).split()[0]) > 0
        out, err = first.communicate(timeout=120)
    assert first.returncode == 1
    assert out == ""
    line = err.splitlines()[-1]
    assert line.startswith("dlq: replay: this process may no longer write: another one took over")
    assert line.endswith("were replayed")
    assert len(err.splitlines()) == 1, err
    assert replayed(letters) == list(range(600))


def test_what_a_broker_failed_to_abort_is_not_sent_back_twice(letters: Flow) -> None:
    """A letter of a replay that broke off, whose transaction the broker forgot, stays unseen."""
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(9)))
    assert closing(letters, "--reason", "not_json").startswith("0 replayed")
    markers = f"{letters.dead_letter_topic}-replayed"
    leave_hanging(letters.servers, markers, letters.input, 1, b"former life", b"{}")
    assert closing(letters).startswith("9 replayed")
    assert b"former life" not in {record.key for record in letters.topics.read(letters.input)}


def test_markers_of_a_deleted_topic_do_not_count(letters: Flow) -> None:
    """A dead-letter topic made again has other letters at the same offsets."""
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(9)))
    assert closing(letters).startswith("9 replayed")
    letters.topics.delete(letters.dead_letter_topic)
    wait_until(lambda: not letters.topics.ends(letters.dead_letter_topic), "the topic to go")
    letters.topics.make(letters.dead_letter_topic, PARTITIONS)
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(9, 18)))
    assert closing(letters).startswith("9 replayed")
    assert replayed(letters) == list(range(18))


def _heeds(pid: int, signum: int) -> bool:
    """Tell whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(int(caught, 16) >> (signum - 1) & 1)


def _wait_for_records(flow: Flow, count: int) -> None:
    """Wait for offsets of committed records; those of control records are counted in."""
    consumer = Consumer({"bootstrap.servers": flow.servers, "group.id": "test"})
    parts = [TopicPartition(flow.input, partition) for partition in range(PARTITIONS)]
    try:
        wait_until(
            lambda: sum(_end(consumer, part) for part in parts) >= count,
            f"{count} offsets",
            60,
        )
    finally:
        consumer.close()


def _end(consumer: Consumer, part: TopicPartition) -> int:
    try:
        return consumer.get_watermark_offsets(part)[1]
    except KafkaException:  # the client doesn't know yet where the partition is
        return 0
