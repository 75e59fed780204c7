"""The login flow on a real Kafka: what goes in, what comes out, and where."""

import re
from typing import Any

import msgspec
import pytest
from kafka.partitioner import murmur2

from tests.support.flow import PROJECT, Flow
from tests.support.logins import login, numbers, records

SAMPLE = PROJECT.parent / "shared" / "data" / "real-user-logins-sample.jsonl"
FIELDS = [
    "user_id",
    "device_id",
    "device_type",
    "app_version",
    "version_category",
    "locale",
    "masked_ip",
    "timestamp",
    "login_at",
    "processed_at",
    "quality",
]


@pytest.mark.skipif(not SAMPLE.exists(), reason="the real sample isn't on this machine")
def test_the_real_sample_becomes_200_records_once(flow: Flow) -> None:
    """200 real logins give 200 correct records, and a second run adds none."""
    logins = [line for line in SAMPLE.read_bytes().splitlines() if line]
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, ({"value": line} for line in logins))
    flow.back_fill()
    flow.back_fill()
    outputs = flow.outputs()
    expected = {raw["user_id"]: raw for raw in map(msgspec.json.decode, logins)}
    assert len(outputs) == len(expected) == 200
    for output in outputs:
        raw = expected[output["user_id"]]
        assert output["masked_ip"] == raw["ip"].rpartition(".")[0] + ".0"
        assert output["device_type"] == raw.get("device_type", "unknown")
        assert output["quality"] == ([] if "device_type" in raw else ["missing_device_type"])
        assert output["timestamp"] == raw["timestamp"]
        assert output["version_category"] == "current"
    assert flow.dead_letters() == []


def test_a_login_comes_out_clean_and_with_every_field(flow: Flow) -> None:
    """An output record has the contract's fields in order, and nothing that was not asked for."""
    flow.topics.make(flow.input, partitions=1)
    value = msgspec.json.encode({**login(7), "password": "secret", "timestamp": "1720000000"})
    flow.topics.send(flow.input, [{"value": value, "key": b"random"}])
    flow.back_fill()
    [record] = flow.topics.read(flow.output)
    output = msgspec.json.decode(record.value)
    assert list(output) == FIELDS
    assert output.pop("processed_at").endswith("Z")
    assert output == {
        "user_id": "user-7",
        "device_id": "7",
        "device_type": "iOS",
        "app_version": "2.4.1",
        "version_category": "current",
        "locale": "TX",
        "masked_ip": "198.51.7.0",
        "timestamp": 1720000000,
        "login_at": "2024-07-03T09:46:40Z",
        "quality": [],
    }


def test_outputs_are_keyed_by_user_and_partitioned_as_java_does(flow: Flow) -> None:
    """A user's logins share a partition, the one that Kafka's own clients choose for the key."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(500)))
    flow.back_fill()
    found = flow.topics.read(flow.output)
    assert len(found) == 500
    for record in found:
        assert record.key.decode() == msgspec.json.decode(record.value)["user_id"]
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % 4
        assert record.headers == []


def test_missing_topics_are_made_as_the_contract_says(flow: Flow) -> None:
    """Outputs, dead letters and progress get the input's partitions; state topics are compacted."""
    flow.topics.make(flow.input, partitions=3)
    flow.back_fill()
    made = (flow.output, flow.dead_letter_topic, flow.progress_topic, flow.insights_topic)
    partitions = [len(flow.topics.describe(topic)["partitions"]) for topic in made]
    policies = [flow.topics.config(topic, "cleanup.policy") for topic in made]
    retention = [flow.topics.config(topic, "retention.ms") for topic in made[2:]]
    assert partitions == [3, 3, 3, 1]
    assert policies == ["delete", "delete", "compact", "compact"]
    assert retention == ["-1", "-1"]


@pytest.mark.parametrize("workers", [["-w", "2"], ["-w", "3"]])
def test_several_workers_give_the_same_as_one(flow: Flow, workers: list[str]) -> None:
    """With several workers each login comes out once, and there is one report."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(10_000)))
    run = flow.back_fill(*workers)
    assert numbers(flow.outputs()) == list(range(10_000))
    assert run.output().count("final report: 10,000 logins") == 1


def test_two_processes_give_the_same_as_one(flow: Flow, free_ports: list[int]) -> None:
    """Two processes share the partitions: each login comes out once, and there is one report."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(10_000)))
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports[:2])
    options = [*flow.recovery_options(), "-a", addresses]
    with (
        flow.running(*options, "-i", "0", STOP_AT_END="true") as first,
        flow.running(*options, "-i", "1", STOP_AT_END="true") as second,
    ):
        assert [first.wait(), second.wait()] == [0, 0], first.output() + second.output()
    assert numbers(flow.outputs()) == list(range(10_000))
    assert (first.output() + second.output()).count("final report: 10,000 logins") == 1


def test_progress_is_kept_in_the_inputs_partition_number(flow: Flow) -> None:
    """With 12 partitions, whose text order isn't the numbers', each progress is in its own."""
    flow.topics.make(flow.input, partitions=12)
    flow.topics.send(flow.input, records(range(1_200), partitions=12))
    flow.back_fill()
    topic_id = flow.topics.describe(flow.input)["topic_id"]
    last = {record.partition: record for record in flow.topics.read(flow.progress_topic)}
    assert sorted(last) == list(range(12))
    for partition, record in last.items():
        assert record.key.decode() == f"{flow.input}/{partition}"
        assert msgspec.json.decode(record.value) == {
            "topic": flow.input,
            "topic_id": topic_id,
            "partition": partition,
            "offset": 100,
            "start": 0,
            "version": 1,
            "transactional_id": f"{flow.group}/{flow.input}/{partition}",
        }


def test_a_lag_tool_sees_the_groups_offsets(flow: Flow) -> None:
    """The group's committed offsets tell how far the input is processed."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(1_000)))
    flow.back_fill()
    assert flow.topics.group_offsets(flow.group, flow.input) == dict.fromkeys(range(4), 250)


def test_no_raw_address_leaves_the_flow(flow: Flow) -> None:
    """Outputs, insights, progress, log lines, report and recovery state hold networks only."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(2_000)))
    bad = {**login(1), "locale": 5, "ip": "203.0.113.99"}
    flow.topics.send(flow.input, [{"value": msgspec.json.encode(bad)}])
    run = flow.back_fill()
    hosts = {login(number)["ip"].encode() for number in range(2_000)} | {b"203.0.113.99"}
    networks = {host.rpartition(b".")[0] + b".0" for host in hosts}
    written = [_bytes(record) for topic in _topics(flow) for record in flow.topics.read(topic)]
    kept = [path.read_bytes() for path in flow.recovery.iterdir()]
    [letter] = flow.dead_letters()
    details = b"".join(value for _, value in letter.headers)
    for text in [*written, *kept, run.output().encode(), details]:
        assert not {host for host in hosts - networks if _holds(text, host)}


def _topics(flow: Flow) -> tuple[str, ...]:
    return flow.output, flow.progress_topic, flow.insights_topic


def _bytes(record: Any) -> bytes:
    return (record.key or b"") + b" " + (record.value or b"")


def _holds(text: bytes, host: bytes) -> bool:
    """Tell whether an address is in the text, not merely as the beginning of a longer one."""
    at = text.find(host)
    return at >= 0 and not text[at + len(host) :][:1].isdigit()


def test_at_least_once_writes_each_login_and_its_progress(flow: Flow) -> None:
    """Without transactions an undisturbed run gives the same outputs, dead letters and progress."""
    flow.settings["DELIVERY_GUARANTEE"] = "at_least_once"
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(5_000)))
    flow.topics.send(flow.input, [{"value": b"not json", "partition": 0}])
    flow.back_fill()
    flow.back_fill()
    assert numbers(flow.outputs()) == list(range(5_000))
    assert [letter.value for letter in flow.dead_letters()] == [b"not json"]
    last = {record.partition: record for record in flow.topics.read(flow.progress_topic)}
    offsets = {part: msgspec.json.decode(record.value)["offset"] for part, record in last.items()}
    assert offsets == {0: 1251, 1: 1250, 2: 1250, 3: 1250}


def test_with_a_key_ids_leave_as_pseudonyms_only(flow: Flow) -> None:
    """USER_ID_KEY hides user and device ids in keys and values, and users can still be counted."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(2_000)))
    run = flow.back_fill(USER_ID_KEY="0123456789abcdef0123456789abcdef")
    for record in flow.topics.read(flow.output):
        output = msgspec.json.decode(record.value)
        assert record.key.decode() == output["user_id"]
        assert re.fullmatch(r"[0-9a-f]{8}:[0-9a-f]{64}", output["user_id"])
        assert re.fullmatch(r"[0-9a-f]{8}:[0-9a-f]{64}", output["device_id"])
    assert len({output["user_id"] for output in flow.outputs()}) == 997
    assert "0123456789abcdef" not in run.output()


def test_a_backlog_is_written_several_batches_at_a_time(flow: Flow) -> None:
    """A transaction costs a request for each partition that it writes to."""
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, records(range(1_000), partitions=1))
    flow.back_fill(BATCH_SIZE="10")
    assert numbers(flow.outputs()) == list(range(1_000))
    progress = [msgspec.json.decode(one.value) for one in flow.topics.read(flow.progress_topic)]
    assert len(progress) < 1_000 / 10
    assert progress[-1]["offset"] == 1_000
