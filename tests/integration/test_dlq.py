"""Dead letters shown and sent back on a real broker, by the commands as their users run them."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from producer.hostile import RECORD, hostile_messages
from tests.support.dead_letters import (
    PARTITIONS,
    REPAIRS,
    closing,
    dead,
    ended,
    replayed,
    run,
    start,
)
from tests.support.flow import Flow
from tests.support.waiting import wait_until


def test_show_counts_what_the_flow_rejected(flow: Flow) -> None:
    """Each reason has as many letters as hostile messages were sent; no address is printed."""
    catalogue = hostile_messages(int(time.time()))
    flow.topics.make(flow.input)
    flow.topics.send(
        flow.input,
        [
            {"value": m.value, "key": m.key, "headers": list(m.headers)}
            for m in catalogue
            if m.record_timestamp_ms is None
        ],
    )
    flow.back_fill()
    wanted = Counter(
        m.expected for m in catalogue if m.expected != RECORD and m.record_timestamp_ms is None
    )
    out, _ = run(flow, "show", "--json", "--examples", "100")
    summary = json.loads(out)
    assert {name: reason["count"] for name, reason in summary["reasons"].items()} == wanted
    assert summary["count"] == wanted.total()
    assert summary["complete"]
    text, _ = run(flow, "show", "--examples", "100")
    assert f"{flow.dead_letter_topic}: {wanted.total()} dead letters, 0 replayed" in text
    assert f"\nnot_json {wanted['not_json']} (" in text
    for shown in (out, text):
        assert "203.0.113" not in shown
        assert "hostile-" not in shown
        assert shown.isascii()
    only, _ = run(flow, "show", "--json", "--reason", "tombstone")
    assert json.loads(only)["count"] == wanted["tombstone"]


def test_a_letter_goes_back_as_it_came_and_once(letters: Flow) -> None:
    """Key, value, headers and partition are the original ones; a second run sends nothing."""
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(30)))
    line = f"30 replayed into {letters.input}, 0 replayed before, 0 left"
    assert closing(letters) == line
    found = letters.topics.read(letters.input)
    for record in found:
        number = int(record.value)
        assert record.key == b"key-%d" % number
        assert list(record.headers) == [("trace", b"\xff%d" % number), ("trace", b"")]
        assert record.partition == number % PARTITIONS
    assert replayed(letters) == list(range(30))
    assert closing(letters) == f"0 replayed into {letters.input}, 30 replayed before, 0 left"
    assert closing(letters, KAFKA_GROUP_ID="another").startswith("0 replayed into")
    assert replayed(letters) == list(range(30))
    assert json.loads(run(letters, "show", "--json")[0])["replayed"] == 30


def test_what_is_selected_is_sent_and_nothing_else(letters: Flow) -> None:
    """By reason, by time of the original record and by offset; each letter still only once."""
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(30)))
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(30, 60), reason="not_json"))
    late = ("--since", "1720000050", "--until", "2024-07-03T09:47:35Z")
    assert closing(letters, "--reason", "not_json", *late).startswith("5 replayed")
    assert replayed(letters) == [50, 51, 52, 53, 54]
    assert closing(letters, "--offsets", "0:2-4", "--offsets", "1:19").startswith("4 replayed")
    assert replayed(letters) == [6, 9, 12, 50, 51, 52, 53, 54, 58]
    assert closing(letters, "--reason", "not_json").startswith("24 replayed")
    assert closing(letters).startswith("27 replayed")
    assert replayed(letters) == list(range(60))


def test_a_dry_run_writes_nothing(letters: Flow) -> None:
    """It says what would be sent, makes no topic, and doesn't disturb a replay."""
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(30)))
    ends = letters.topics.ends(letters.input)
    out, _ = run(letters, "replay", "--dry-run", "--offsets", "1:2-")
    assert out.splitlines() == [
        "would replay not_an_object: 8",
        "would replay partition 1: 8, offsets 2 to 9",
        f"dlq: 8 would be replayed into {letters.input}, 0 replayed before, 0 left",
    ]
    assert letters.topics.ends(letters.input) == ends
    assert not letters.topics.ends(f"{letters.dead_letter_topic}-replayed")
    assert closing(letters, "--offsets", "1:2-").startswith("8 replayed")
    assert closing(letters, "--dry-run").startswith("22 would be replayed")


def test_what_can_not_go_back_is_left_and_said(letters: Flow) -> None:
    """Truncated letters, those of another topic and records that are no letters stay."""
    topic = letters.dead_letter_topic
    letters.topics.send(topic, dead(letters, range(3)))
    letters.topics.send(topic, dead(letters, range(3, 5), topic="another"))
    cut = [("dlq.truncated", b"headers, value")]
    letters.topics.send(topic, dead(letters, range(5, 6), headers=cut))
    letters.topics.send(topic, [{"value": b"no letter"}])
    line = closing(letters)
    assert line == (
        f"3 replayed into {letters.input}, 0 replayed before, 4 left (1 without the headers of a "
        "dead letter, 2 of another input topic, 1 truncated, which only --repair can make whole)"
    )
    assert replayed(letters) == [0, 1, 2]


def test_repaired_letters_come_out_of_the_flow(flow: Flow) -> None:
    """The flow rejects, a function repairs, the flow takes them; a letter that it left stays."""
    flow.topics.make(flow.input, PARTITIONS)
    (flow.folder / "repairs.py").write_text(REPAIRS)
    good = {"app_version": "2.3", "ip": "203.0.113.77", "timestamp": 1_720_000_000}
    flow.topics.send(
        flow.input,
        [{"value": json.dumps({**good, "device_id": str(n)}).encode()} for n in range(7)],
    )
    flow.topics.send(flow.input, [{"value": None, "key": b"k"}])
    flow.back_fill()
    assert len(flow.dead_letters()) == 8
    line = closing(flow, "--repair", "repairs:fix")
    assert line.endswith("1 left (1 left by the repair function)")
    flow.back_fill()
    outputs = flow.outputs()
    assert sorted(out["device_id"] for out in outputs) == [str(n) for n in range(7)]
    assert {out["user_id"] for out in outputs} == {"fixed"}
    assert len(flow.dead_letters()) == 8


def test_a_letter_that_fails_again_can_not_go_round_by_itself(flow: Flow) -> None:
    """It comes back as one new letter; each run sends a letter once, while the flow runs too."""
    flow.topics.make(flow.input, 1)
    flow.topics.send(flow.input, [{"value": b"[]"}] * 10)
    with flow.running() as process:
        _wait_for_letters(flow, 10)
        for rounds in (1, 2):
            line = closing(flow, BATCH_SIZE="1")
            before = 10 * (rounds - 1)
            assert line == f"10 replayed into {flow.input}, {before} replayed before, 0 left"
            _wait_for_letters(flow, 10 * (rounds + 1))
        assert process.stop() == 0
    assert len(flow.topics.read(flow.input)) == 30


def _wait_for_letters(flow: Flow, count: int) -> None:
    wait_until(lambda: len(flow.dead_letters()) == count, f"{count} letters", 60)


def test_a_repair_function_that_raises_leaves_the_letter(letters: Flow) -> None:
    """One line for each, with nothing of the value in it; a later run can send them."""
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(3)))
    out, err = run(letters, "replay", "--repair", "repairs:fail")
    assert "0 replayed" in out
    assert "3 left (3 failed in the repair function)" in out
    lines = err.splitlines()
    assert len(lines) == 3
    assert all(line.endswith("repair: ValueError in line 10 of repairs.py") for line in lines)
    assert closing(letters).startswith("3 replayed")


def test_a_topic_that_would_forget_is_refused(letters: Flow) -> None:
    """Markers that retention deletes would let letters go back twice."""
    markers = f"{letters.dead_letter_topic}-replayed"
    letters.topics.make(markers, 1)
    _, err = ended(letters, 1, "replay")
    assert f"topic {markers} has cleanup.policy=delete and would forget" in err


def test_a_topic_of_something_else_is_refused(letters: Flow) -> None:
    """A record that is not a marker stops it: to leave it out could send letters twice."""
    markers = f"{letters.dead_letter_topic}-replayed"
    letters.topics.make(markers, 1, **{"cleanup.policy": "compact"})
    letters.topics.send(markers, [{"key": b"k", "value": b"{}"}])
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(3)))
    _, err = ended(letters, 1, "replay")
    assert err.startswith(f"dlq: topic {markers} can't be used")
    assert replayed(letters) == []


def test_without_leave_no_topic_is_made(letters: Flow) -> None:
    """CREATE_TOPICS=false is kept to."""
    _, err = ended(letters, 1, "replay", CREATE_TOPICS="false")
    assert err == (
        f"dlq: there is no topic {letters.dead_letter_topic}-replayed: make it with one partition "
        "and cleanup.policy=compact, or set CREATE_TOPICS=true\n"
    )


def test_no_broker_and_no_topic_are_one_line(flow: Flow, free_ports: list[int]) -> None:
    """What is missing is named, and where to set it."""
    _, err = ended(flow, 1, "show")
    assert err == (
        f"dlq: there is no topic {flow.dead_letter_topic}: "
        "set DEAD_LETTER_TOPIC if it has another name\n"
    )
    flow.topics.make(flow.dead_letter_topic, 1)
    _, err = ended(flow, 1, "replay")
    assert err.startswith(f"dlq: there is no topic {flow.input}: set INPUT_TOPIC")
    servers = f"127.0.0.1:{free_ports[0]}"
    _, err = ended(flow, 1, "show", KAFKA_BOOTSTRAP_SERVERS=servers, BROKER_WAIT_SECONDS="1")
    [line] = err.splitlines()
    assert line.startswith(f"no Kafka broker answers at {servers}")


def test_an_empty_topic_and_a_reader_that_has_gone(letters: Flow) -> None:
    """Nothing to show is not an error, and neither is `| head`."""
    assert run(letters, "show")[0] == f"{letters.dead_letter_topic}: 0 dead letters, 0 replayed\n"
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(300)))
    for command in (["show", "--examples", "100"], ["replay"]):
        with start(letters, *command) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == ""
            assert process.wait(120) == 0
    assert replayed(letters) == list(range(300))


def test_on_a_terminal_there_is_a_table(letters: Flow, tmp_path: Path) -> None:
    """With a terminal on both ends, counts are a table; the bar goes away at the end."""
    letters.topics.send(letters.dead_letter_topic, dead(letters, range(30)))
    typescript = tmp_path / "typescript"
    command = f"{sys.executable} -m dlq show"
    environment = letters.environment(TERM="xterm", COLUMNS="120")
    subprocess.run(
        ["script", "-qec", command, str(typescript)],
        env=environment,
        cwd=tmp_path,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    text = typescript.read_text()
    assert "Reason" in text
    assert "replayed" in text
    assert "not_an_object" in text
    assert "Traceback" not in text
