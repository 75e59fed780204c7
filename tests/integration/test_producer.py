import json
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from producer.hostile import hostile_messages
from tests.support.processes import start_process

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "producer"]
RUN_SECONDS = 60


class Broker(Protocol):
    """What these tests need of the `kafka` fixture."""

    @property
    def bootstrap_servers(self) -> str:
        """The address of a broker that runs."""


@pytest.fixture
def topic() -> str:
    """A topic name of the test's own."""
    return f"user-login-{uuid.uuid4()}"


def environment(servers: str, topic: str, **settings: str) -> dict[str, str]:
    """The environment of a producer run."""
    return os.environ | {"KAFKA_BOOTSTRAP_SERVERS": servers, "INPUT_TOPIC": topic} | settings


def run(
    servers: str, topic: str, *options: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run the producer to its end."""
    return subprocess.run(
        [*COMMAND, *options],
        env=environment(servers, topic, **settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )


Record = tuple[int, bytes | None, bytes | None]


def read(servers: str, topic: str) -> list[Record]:
    """Every record of the topic as (partition, key, value)."""
    return [(record.partition, record.key, record.value) for record in consumed(servers, topic)]


def consumed(servers: str, topic: str) -> list[Any]:
    """Every record of the topic as kafka-python gives it."""
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    try:
        partitions = [TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        left = sum(consumer.end_offsets(partitions).values())
        records: list[Any] = []
        while len(records) < left:
            for batch in consumer.poll(timeout_ms=1_000).values():
                records += batch
        return records
    finally:
        consumer.close()


def test_sends_as_many_logins_as_asked_over_four_partitions(kafka: Broker, topic: str) -> None:
    """`--count 400` makes the topic and leaves exactly 400 logins in its four partitions."""
    done = run(kafka.bootstrap_servers, topic, "--count", "400", "--rate", "0")
    records = read(kafka.bootstrap_servers, topic)
    assert done.returncode == 0
    assert re.fullmatch(
        rf"producer: 400 sent, 400 acknowledged by {topic} in [\d.]+ s\n", done.stderr
    )
    assert len(records) == 400
    assert {partition for partition, _, _ in records} == {0, 1, 2, 3}
    assert all(json.loads(value or b"")["user_id"] for _, _, value in records)


def test_replays_a_file_byte_for_byte(kafka: Broker, topic: str, tmp_path: Path) -> None:
    """`--file` sends each line's bytes as they stand, in its order within a partition."""
    lines = [b'{"user_id": "%d"}' % number for number in range(100)]
    lines += [b"\xff\xfe\0", b'{"cut', b" spaces ", b"carriage return\r", b"x" * 900_000]
    path = tmp_path / "logins.jsonl"
    path.write_bytes(b"\n\n".join(lines))
    done = run(kafka.bootstrap_servers, topic, "--file", str(path), "--rate", "0")
    records = read(kafka.bootstrap_servers, topic)
    assert done.returncode == 0
    assert Counter(value for _, _, value in records) == Counter(lines)
    for wanted in range(4):
        values = [value or b"" for partition, _, value in records if partition == wanted]
        assert values == sorted(values, key=lines.index)


def test_replays_no_more_of_a_file_than_counted(kafka: Broker, topic: str, tmp_path: Path) -> None:
    """`--count` ends a replay early."""
    path = tmp_path / "logins.jsonl"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(10)))
    done = run(kafka.bootstrap_servers, topic, "--file", str(path), "--rate", "0", "--count", "3")
    values = {value for _, _, value in read(kafka.bootstrap_servers, topic)}
    assert done.returncode == 0
    assert values == {b"0", b"1", b"2"}


def test_mixes_hostile_messages_in(kafka: Broker, topic: str) -> None:
    """`--bad-ratio 0.5` makes about half of the messages hostile ones."""
    options = ("--count", "600", "--rate", "0", "--bad-ratio", "0.5", "--seed", "1")
    done = run(kafka.bootstrap_servers, topic, *options)
    names = {message.key for message in hostile_messages(0)}
    hostile = [key for _, key, _ in read(kafka.bootstrap_servers, topic) if key in names]
    assert done.returncode == 0
    assert len(hostile) == pytest.approx(300, abs=49)


def test_delivers_every_hostile_kind_unharmed(kafka: Broker, topic: str) -> None:
    """A round of the catalogue arrives byte for byte, tombstone and 5 MB messages included."""
    now = 1_720_622_216
    kinds = [kind for kind in hostile_messages(now) if kind.record_timestamp_ms is None]
    # At a billion a second the simulated clock stands still for the whole round.
    options = ("--start-at", str(now), "--bad-ratio", "1", "--count", str(len(kinds)))
    done = run(kafka.bootstrap_servers, topic, *options, "--rate", "1e9")
    records = read(kafka.bootstrap_servers, topic)
    assert done.returncode == 0
    assert Counter((key, value) for _, key, value in records) == Counter(
        (kind.key, kind.value) for kind in kinds
    )


def test_sends_the_same_again_for_the_same_seed_and_start(kafka: Broker, topic: str) -> None:
    """With `--seed` and `--start-at` a second run sends the same keys and values."""
    options = ("--count", "200", "--rate", "0", "--seed", "5", "--start-at", "1720622216")
    for name in (topic, f"{topic}-again"):
        assert run(kafka.bootstrap_servers, name, *options).returncode == 0
    first = read(kafka.bootstrap_servers, topic)
    again = read(kafka.bootstrap_servers, f"{topic}-again")
    assert sorted(first) == sorted(again)


def test_fills_the_time_since_the_newest_record_in_order(kafka: Broker, topic: str) -> None:
    """`--history 300` sends five minutes of the past; a later run continues after them.

    Within each partition, event time, the earlier of login's and record's, never goes back.
    """
    options = ("--history", "300", "--count", "100", "--rate", "1")
    assert run(kafka.bootstrap_servers, topic, *options).returncode == 0
    first = event_times(kafka.bootstrap_servers, topic)
    assert run(kafka.bootstrap_servers, topic, *options).returncode == 0
    both = event_times(kafka.bootstrap_servers, topic)
    assert {partition: times[: len(first[partition])] for partition, times in both.items()} == first
    assert all(times == sorted(times) for times in both.values())
    assert sum(len(times) for times in both.values()) == 200
    started = max(max(times) for times in first.values())
    assert min(min(times[len(first[partition]) :]) for partition, times in both.items()) >= started


def event_times(servers: str, topic: str) -> dict[int, list[int]]:
    """Each partition's event times, in the order of its records."""
    found: dict[int, list[int]] = {}
    for record in consumed(servers, topic):
        login = json.loads(record.value)
        time = min(int(login["timestamp"]), record.timestamp // 1_000)
        found.setdefault(record.partition, []).append(time)
    return found


def test_leaves_a_topic_that_is_there_as_it_is(kafka: Broker, topic: str) -> None:
    """`--partitions` is for a missing topic: an existing one keeps its two."""
    with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
        admin.create_topics(
            {topic: {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True
        )
        options = ("--count", "50", "--rate", "0", "--partitions", "8")
        assert run(kafka.bootstrap_servers, topic, *options).returncode == 0
        assert len(admin.describe_topics([topic])[0]["partitions"]) == 2


def test_says_in_one_line_that_a_topic_cannot_be_made(kafka: Broker, topic: str) -> None:
    """Three replicas on one broker end the start with the broker's own reason."""
    done = run(kafka.bootstrap_servers, topic, "--count", "1", "--replication-factor", "3")
    assert done.returncode == 1
    assert re.fullmatch(rf"producer: topic {topic} can't be made: .+\n", done.stderr)


def test_stops_at_the_first_message_that_the_broker_refuses(
    kafka: Broker, topic: str, tmp_path: Path
) -> None:
    """A line beyond the broker's limit ends the replay with status 1 and the reason."""
    path = tmp_path / "logins.jsonl"
    path.write_bytes(b"small\n" + os.urandom(3_000_000).replace(b"\n", b"."))
    done = run(kafka.bootstrap_servers, topic, "--file", str(path), "--count", "9")
    assert done.returncode == 1
    assert re.fullmatch(
        r"producer: 2 sent, 1 acknowledged .+; stopped: message 2 was refused: .+\n", done.stderr
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_flushes_and_ends_well_when_asked_to_stop(
    kafka: Broker, topic: str, number: signal.Signals
) -> None:
    """After a signal everything that was sent is acknowledged and in the topic; status 0."""
    with start_process(
        [*COMMAND, "--rate", "0"],
        env=environment(kafka.bootstrap_servers, topic),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        assert process.stderr.readline().startswith(f"producer: sending to {topic}")
        wait_for_records(kafka.bootstrap_servers, topic)
        process.send_signal(number)
        last_line = process.stderr.read()
    counts = re.fullmatch(r"producer: (\d+) sent, (\d+) acknowledged by .+\n", last_line)
    assert process.returncode == 0
    assert counts
    assert int(counts[1]) == int(counts[2]) == len(read(kafka.bootstrap_servers, topic))


def wait_for_records(servers: str, topic: str) -> None:
    """Wait until the topic's partition 0 has a record."""
    consumer = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(topic, 0)])
        while not consumer.poll(timeout_ms=1_000):
            pass
    finally:
        consumer.close()


def test_gives_up_on_a_missing_broker_in_one_line(topic: str) -> None:
    """With no broker, the start ends with status 1 once BROKER_WAIT_SECONDS are over."""
    with socket.socket() as nobody:  # bound, so that nobody else listens there
        nobody.bind(("127.0.0.1", 0))
        servers = f"127.0.0.1:{nobody.getsockname()[1]}"
        done = run(servers, topic, "--count", "1", BROKER_WAIT_SECONDS="1")
    assert done.returncode == 1
    assert re.fullmatch(rf"producer: no broker at {servers}.*\n", done.stderr)
