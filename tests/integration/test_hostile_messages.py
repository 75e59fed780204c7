"""Whatever a producer sends ends where the contract says, and stops nothing."""

import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from producer.hostile import RECORD, HostileMessage, hostile_messages
from tests.support.flow import Flow
from tests.support.logins import login, numbers, records

GOOD = range(1_000)


@pytest.fixture(scope="module")
def catalogue() -> list[HostileMessage]:
    """Every kind of hostile message that the producer knows."""
    return list(hostile_messages(int(time.time())))


@pytest.fixture
def mixed(flow: Flow, catalogue: list[HostileMessage]) -> Flow:
    """A flow that has read good logins with all hostile messages among them."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(500)))
    flow.topics.send(flow.input, [_record(message) for message in catalogue])
    flow.topics.send(flow.input, records(range(500, 1_000)))
    flow.back_fill(BATCH_SIZE="200")
    return flow


def test_each_kind_ends_where_the_contract_says(
    mixed: Flow, catalogue: list[HostileMessage]
) -> None:
    """Each hostile message is a dead letter for its reason or a record with its flags; once."""
    sent = [record for record in mixed.topics.read(mixed.input) if record.key is not None]
    names = {(at.partition, at.offset): at.key for at in sent}
    letters = mixed.dead_letters()
    rejected = [message for message in catalogue if message.expected != RECORD]
    found = {names.get(_origin(letter)): _header(letter, "reason") for letter in letters}
    wanted = {message.key: message.expected for message in rejected if message.key}
    assert found.items() >= wanted.items()
    reasons = Counter(_header(letter, "reason") for letter in letters)
    assert reasons == Counter(message.expected for message in rejected)

    outputs = mixed.outputs()
    flags = {out["user_id"]: out["quality"] for out in outputs}
    kept = [m for m in catalogue if m.expected == RECORD]
    assert len(outputs) == len(GOOD) + len(kept)
    for message in kept:
        if message.value and f"hostile-{message.name}".encode() in message.value:
            assert flags[f"hostile-{message.name}"] == list(message.quality), message.name
    good = [out for out in outputs if out["user_id"].startswith("user-")]
    assert numbers(good) == list(GOOD)


def test_a_dead_letter_is_the_untouched_record_with_its_reason(mixed: Flow) -> None:
    """A dead letter has the original key, value, headers and partition, and says where it was."""
    sent = {(at.partition, at.offset): at for at in mixed.topics.read(mixed.input)}
    for letter in mixed.dead_letters():
        original = sent[_origin(letter)]
        assert letter.partition == original.partition
        assert _header(letter, "topic") == mixed.input
        assert int(_header(letter, "timestamp")) == original.timestamp
        assert _header(letter, "detail")
        if any(name == "dlq.truncated" for name, _ in letter.headers):
            assert original.value.startswith(letter.value)
            continue
        assert (letter.key, letter.value) == (original.key, original.value)
        kept = [item for item in original.headers if not item[0].startswith("dlq.")]
        assert letter.headers[: len(kept)] == kept
        assert len({name for name, _ in letter.headers if name.startswith("dlq.")}) == 6


def test_a_raw_address_is_in_dead_letters_only(flow: Flow) -> None:
    """Outputs, insights, progress and all that is printed lack it; a dead letter is untouched."""
    address = "203.0.113.77"
    rejected = msgspec.json.encode({"user_id": "u", "ip": address, "timestamp": "yesterday"})
    flow.topics.make(flow.input, partitions=1)
    kept = [msgspec.json.encode({**login(number), "ip": address}) for number in range(10)]
    flow.topics.send(flow.input, [{"value": value} for value in [*kept, rejected]])
    printed = flow.back_fill().output()
    topics = (flow.output, flow.insights_topic, flow.progress_topic, flow.dead_letter_topic)
    holding = [topic for topic in topics if address in str(flow.topics.read(topic))]
    assert holding == [flow.dead_letter_topic]
    assert [letter.value for letter in flow.dead_letters()] == [rejected]
    assert [output["masked_ip"] for output in flow.outputs()] == ["203.0.113.0"] * len(kept)
    assert address not in printed


def test_a_dead_letter_too_big_for_the_broker_says_what_it_left_out(flow: Flow) -> None:
    """At the size limit the original headers go first, then the value's end."""
    limit = 1_048_588  # Kafka's default max.message.bytes
    flow.topics.make(flow.input, partitions=1, **{"max.message.bytes": "3000000"})
    flow.topics.send(
        flow.input,
        [
            {"value": b"x" * (limit - 2_000), "headers": [("large", b"h" * 5_000)]},
            {"value": b"y" * (2 * limit)},
        ],
    )
    flow.back_fill()
    first, second = flow.dead_letters()
    assert first.value == b"x" * (limit - 2_000)
    assert _header(first, "truncated") == "headers"
    assert limit - 2_000 < len(second.value) < limit
    assert set(second.value) == {ord("y")}
    assert _header(second, "truncated") == "headers, value"


def test_the_report_counts_dead_letters_by_reason(flow: Flow) -> None:
    """The report has each reason with its count and share."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(6)))
    flow.topics.send(flow.input, [{"value": None, "key": b"a"}, {"value": b"[]"}, {"value": b"[]"}])
    text = flow.back_fill().output()
    assert "6 logins" in text
    assert "3 dead letters" in text
    assert "not_an_object 2 (22.2%), tombstone 1 (11.1%)" in text


def _record(message: HostileMessage) -> dict[str, Any]:
    return {
        "value": message.value,
        "key": message.key,
        "headers": list(message.headers),
        "timestamp_ms": message.record_timestamp_ms,
    }


def _header(letter: Any, name: str) -> str:
    [value] = [value for key, value in letter.headers if key == f"dlq.{name}"]
    return str(value.decode())


def _origin(letter: Any) -> tuple[int, int]:
    return int(_header(letter, "partition")), int(_header(letter, "offset"))
