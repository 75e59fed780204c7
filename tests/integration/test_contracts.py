"""The records of a real run are what the contracts with other programs say."""

import itertools
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from contracts.__main__ import FOLDER
from producer.hostile import HostileMessage, hostile_messages
from producer.messages import Message, generated_messages
from tests.support import attacks, security
from tests.support.flow import PROJECT, Flow

NOW = int(time.time())
SAMPLES = 2_000


@pytest.fixture
def ran(flow: Flow) -> Flow:
    """A flow that has read sample logins, every hostile message and one that has to be cut."""
    flow.topics.make(flow.input)
    flow.topics.make(flow.dead_letter_topic, 4, **{"max.message.bytes": "20000"})
    samples = generated_messages(Random(7), lambda: NOW)  # noqa: S311
    flow.topics.send(flow.input, map(_sendable, itertools.islice(samples, SAMPLES)))
    flow.topics.send(
        flow.input,
        (
            {**_sendable(message), "timestamp_ms": message.record_timestamp_ms}
            for message in hostile_messages(NOW)
        ),
    )
    flow.topics.send(flow.input, [_sendable(Message(b"long", b"x" * 50_000))])
    flow.back_fill()
    return flow


def test_all_that_the_flow_writes_keeps_the_contracts(ran: Flow) -> None:
    """Outputs, insights, progress, and dead letters' headers satisfy their schemas, whole."""
    outputs = list(_values(ran, ran.output))
    assert len(outputs) > SAMPLES
    assert_keeps("processed-user-login", outputs)
    assert_keeps("login-insights", _values(ran, ran.insights_topic))
    assert_keeps("progress", _values(ran, ran.progress_topic))
    assert_keeps("user-login-dlq", map(_headers, ran.dead_letters()))


def test_the_words_that_come_are_the_words_listed(ran: Flow) -> None:
    """The schemas list every flag and reason that there is; hostile messages bring them all."""
    reasons = {dict(letter.headers)["dlq.reason"].decode() for letter in ran.dead_letters()}
    flags = {flag for output in ran.outputs() for flag in output["quality"]}
    listed = _schema("user-login-dlq")["properties"]["dlq.reason"]["examples"]
    # Of damaged batches, which no producer sends, and of earlier versions.
    assert reasons == set(listed) - {"unreadable", "invalid_ip"}
    assert flags == set(
        _schema("processed-user-login")["properties"]["quality"]["items"]["examples"]
    )


def test_the_marks_of_a_replay_keep_their_contract(ran: Flow) -> None:
    """What a replay writes for itself satisfies its schema."""
    command = [sys.executable, "-m", "dlq", "replay", "--reason", "invalid_timestamp"]
    subprocess.run(command, env=ran.environment(), check=True, cwd=PROJECT, capture_output=True)
    assert_keeps("user-login-dlq-replayed", _values(ran, f"{ran.dead_letter_topic}-replayed"))


def test_all_that_the_security_flow_writes_keeps_the_contracts(flow: Flow) -> None:
    """An alert of each kind, the dead letters' headers, and its progress."""
    begin = attacks.START
    quiet = [attacks.login(begin + 300 * number, "u", "192.0.2.0") for number in range(5)]
    loud = [
        *attacks.spray(begin, users=120),
        *attacks.distributed(begin, networks=12),
        *attacks.travel(begin, ("NY", "TX", "FR")),
        *attacks.volley(begin + 4 * 300, count=200),
    ]
    beside = security.beside(flow)
    security.send(beside, attacks.by_user([*quiet, *loud], 1))
    beside.topics.send(beside.output, [{"value": b"x" * 900_000}, {"value": b"{}"}])
    beside.topics.make(security.dead_letter_topic(beside), 1, **{"max.message.bytes": "20000"})
    beside.back_fill()
    alerts = list(_values(beside, beside.alerts_topic))
    assert {alert["kind"] for alert in alerts} == set(attacks.ATTACKED)
    assert_keeps("login-alerts", alerts)
    assert_keeps("progress", _values(beside, security.progress_topic(beside)))
    letters = beside.topics.read(security.dead_letter_topic(beside))
    assert_keeps("login-alerts-dlq", map(_headers, letters))


def test_sample_logins_are_what_producers_should_send() -> None:
    """The sample producer keeps the input's contract."""
    samples = itertools.islice(generated_messages(Random(7), lambda: NOW), SAMPLES)  # noqa: S311
    assert_keeps("user-login", [msgspec.json.decode(one.value or b"") for one in samples])


def assert_keeps(name: str, records: Iterable[Any]) -> None:
    """See that records satisfy a schema of docs/contracts, and have no field that it lacks."""
    schema = _schema(name)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    fields: set[str] = set()
    for record in records:
        validator.validate(record)
        fields |= set(record)
    assert fields == set(schema["properties"]), "a field was never there, or isn't in the contract"


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((FOLDER / f"{name}.schema.json").read_bytes())
    return found


def _values(flow: Flow, topic: str) -> Iterator[Any]:
    return (msgspec.json.decode(record.value) for record in flow.topics.read(topic))


def _headers(letter: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in letter.headers if name.startswith("dlq.")}


def _sendable(message: Message | HostileMessage) -> dict[str, Any]:
    return {"key": message.key, "value": message.value, "headers": list(message.headers)}
