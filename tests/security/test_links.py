"""Flow and producer over every kind of secured link."""

import subprocess
import sys

import pytest

from tests.security.secured import SecuredKafka
from tests.support.flow import PROJECT, Flow
from tests.support.logins import numbers, records
from tests.support.waiting import wait_until

LOGINS = 300
BAD_RATIO = 0.2


@pytest.mark.parametrize(
    ("listener", "mechanism"),
    [
        ("TLS", ""),
        ("MUTUAL_TLS", ""),
        ("LOGIN", "SCRAM-SHA-512"),
        ("LOGIN_TLS", "PLAIN"),
        ("LOGIN_TLS", "SCRAM-SHA-256"),
        ("LOGIN_TLS", "SCRAM-SHA-512"),
    ],
)
def test_every_login_sent_comes_out(
    secured: SecuredKafka, secured_flow: Flow, listener: str, mechanism: str
) -> None:
    """The producer's logins become outputs and dead letters, with progress and group offsets."""
    link = secured.link(listener)
    if mechanism:
        link["KAFKA_SASL_MECHANISM"] = mechanism
    if listener == "MUTUAL_TLS":
        link |= secured.certificate()
    flow = secured_flow
    _send(flow, link)
    flow.back_fill(recovery=False, **link)
    outputs, dead_letters = flow.outputs(), flow.dead_letters()
    assert len(outputs) + len(dead_letters) == LOGINS
    assert outputs
    assert dead_letters
    assert len(flow.topics.read(flow.progress_topic)) >= 1
    assert sum(flow.topics.group_offsets(flow.group, flow.input).values()) == LOGINS


def test_a_broker_that_restarts_lets_the_flow_in_again(
    secured: SecuredKafka, secured_flow: Flow
) -> None:
    """A secured link that breaks is not a refusal: the flow goes on when the broker is back."""
    flow = secured_flow
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    with flow.running(**secured.link("LOGIN_TLS")) as process:
        wait_until(lambda: len(flow.outputs()) == 100, "the first outputs")
        secured.broker.kill()
        process.wait_for_text("Kafka is away")
        secured.broker.start()
        flow.topics.send(flow.input, records(range(100, 200)))
        wait_until(lambda: len(flow.outputs()) == 200, "the others")
        assert process.stop() == 0, process.output()
    assert numbers(flow.outputs()) == list(range(200))


def _send(flow: Flow, link: dict[str, str]) -> None:
    options = ["--count", str(LOGINS), "--rate", "0", "--bad-ratio", str(BAD_RATIO), "--seed", "1"]
    subprocess.run(
        [sys.executable, "-m", "producer", *options],
        env=flow.environment(**link),
        cwd=PROJECT,
        check=True,
        timeout=120,
    )
