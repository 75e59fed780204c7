"""The security flow on a real Kafka: planted attacks come out, each once; normal logins don't."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest

from dataflows.security import thresholds
from models import Alert, ProcessedLogin
from settings import Settings
from tests.support.alert_oracle import AlertOracle
from tests.support.attacks import (
    ATTACKED,
    START,
    by_user,
    distributed,
    normal,
    spray,
    travel,
    volley,
)
from tests.support.flow import Flow, FlowProcess
from tests.support.security import alerts, beside, dead_letter_topic, progress_topic, send
from tests.support.waiting import wait_until

PARTITIONS = 4
RATE = 20  # of the generator
SECONDS = 40 * 60
WINDOW = 300


@pytest.fixture
def security(flow: Flow) -> Flow:
    """The security flow beside the login flow."""
    return beside(flow)


def a_bad_day() -> list[ProcessedLogin]:
    """Normal logins with an attack of each kind among them, just over what is tolerated."""
    return [
        *normal(SECONDS, RATE),
        *spray(START + 5 * WINDOW, users=50),
        *distributed(START + 5 * WINDOW, networks=12),
        *travel(START + 6 * WINDOW, ("NY", "TX", "FR")),
        *volley(START + 6 * WINDOW, count=200),
    ]


def expected(parts: list[list[ProcessedLogin]]) -> dict[str, Alert]:
    """What must come out, by key."""
    oracle = AlertOracle(thresholds(Settings()))
    for logins in parts:
        oracle.read(logins)
    return oracle.alerts()


def progress(flow: Flow) -> int:
    """Return how many logins are processed, as the progress topic says."""
    last = {
        found["partition"]: int(found["offset"])
        for record in flow.topics.read(progress_topic(flow))
        for found in (msgspec.json.decode(record.value),)
    }
    return sum(last.values())


def start(
    stack: ExitStack, flow: Flow, addresses: str, processes: int, **settings: str
) -> list[FlowProcess]:
    """Start the processes of a cluster that runs to the input's end."""
    clusters: Iterable[list[str]] = [[]]
    if processes > 1:
        clusters = [["-i", str(number), "-a", addresses] for number in range(processes)]
    options = flow.recovery_options()
    return [
        stack.enter_context(flow.running(*options, *cluster, STOP_AT_END="true", **settings))
        for cluster in clusters
    ]


@pytest.mark.parametrize("processes", [1, 2])
def test_planted_attacks_come_out_each_once_through_kill_9(
    security: Flow, processes: int, free_ports: list[int]
) -> None:
    """Every alert with its evidence, and none of normal logins, however batches are cut."""
    parts = by_user(a_bad_day(), PARTITIONS)
    send(security, parts)
    logins = sum(map(len, parts))
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports[:processes])
    for size, share in ((70, 0.3), (110, 0.7)):
        with ExitStack() as stack:
            running = start(stack, security, addresses, processes, BATCH_SIZE=str(size))
            wait_until(
                lambda share=share: progress(security) > share * logins,  # type: ignore[misc]
                f"progress of {share}: {running[0].output()}",
                60,
            )
            for process in running:
                process.kill()
        assert progress(security) < logins, "killed too late to prove anything"
    with ExitStack() as stack:
        for process in start(stack, security, addresses, processes, BATCH_SIZE="500"):
            assert process.wait() == 0, process.output()
    wanted = expected(parts)
    assert {(one.kind, one.subject) for one in wanted.values()} == set(ATTACKED.items())
    written = alerts(security)
    assert dict(written) == wanted
    closed = [one for one in written if one[1].final]
    assert all(alert == wanted[key] for key, alert in closed), "an alert changed on a replay"


def test_both_flows_run_side_by_side(flow: Flow, security: Flow) -> None:
    """A spray on the raw logins goes through both, and becomes an alert while they run.

    The topic of the alerts may be there, with what its owner wants of it.
    """
    ninety_days = {"cleanup.policy": "compact,delete", "retention.ms": "7776000000"}
    flow.topics.make(flow.alerts_topic, 1, **ninety_days)
    flow.topics.make(flow.input, 1)
    attack = [raw(f"user-{n}", f"203.0.113.{n}", START + n) for n in range(60)]
    later = [raw(f"user-{n}", f"198.51.{n}.1", START + 2 * WINDOW) for n in range(60)]
    flow.topics.send(flow.input, [*attack, *later])
    with flow.running(*flow.recovery_options()) as one:
        one.wait_for_text("topic created")
        with security.running(*security.recovery_options(), ALERT_LATENESS_SECONDS="10") as two:
            wait_until(lambda: alerts(security), "an alert", 60)
            assert two.stop() == 0, two.output()
        assert one.stop() == 0, one.output()
    [(key, alert)] = alerts(security)
    assert key == "password_spray/203.0.113.0/2024-07-03T09:50:00Z"
    assert (alert.count, alert.logins, alert.final) == (60, 60, True)
    assert "leaked" not in two.output()
    assert {
        name: flow.topics.config(flow.alerts_topic, name) for name in ninety_days
    } == ninety_days


def raw(user: str, ip: str, timestamp: int) -> dict[str, Any]:
    """Return a record of a raw login."""
    login = {"user_id": user, "ip": ip, "timestamp": timestamp, "locale": "NY", "device_id": "d"}
    return {"value": msgspec.json.encode(login)}


def test_what_is_no_processed_login_is_a_dead_letter(security: Flow) -> None:
    """On a topic beside the alerts, with its reason; the logins around it count."""
    security.topics.make(security.output, 1)
    good = [{"value": msgspec.json.encode(one)} for one in spray(START, users=50)]
    bad: list[dict[str, Any]] = [
        {"value": b"{}"},
        {"value": b"nonsense"},
        {"value": None, "key": b"k"},
    ]
    security.topics.send(security.output, [*good[:25], *bad, *good[25:]])
    security.back_fill()
    [(_, alert)] = alerts(security)
    assert (alert.kind, alert.count, alert.final) == ("password_spray", 50, False)
    letters = security.topics.read(dead_letter_topic(security))
    reasons = [dict(record.headers)["dlq.reason"] for record in letters]
    assert reasons == [b"wrong_type", b"not_json", b"tombstone"]


def test_a_topic_of_something_else_stops_the_flow(security: Flow) -> None:
    """As a flood of dead letters does in the login flow; none of them is lost."""
    security.topics.make(security.output)
    raw_logins = (
        raw(f"user-{n}", "203.0.113.7", START) | {"partition": n % 4} for n in range(12_000)
    )
    security.topics.send(security.output, raw_logins)
    with security.running(*security.recovery_options(), STOP_AT_END="true") as process:
        assert process.wait(60) == 1, process.output()
    assert "records are dead letters" in process.output()
    assert "most: wrong_type" in process.output()
    assert len(security.topics.read(dead_letter_topic(security))) == 12_000


def test_its_topics_are_made_like_the_others(security: Flow) -> None:
    """Alerts have one partition and are kept forever, by key; the others go by the input's."""
    send(security, [spray(START, users=50), []])
    security.back_fill(recovery=False)
    topics = security.topics
    made = {
        name: len(topics.describe(name)["partitions"])
        for name in (
            security.alerts_topic,
            dead_letter_topic(security),
            progress_topic(security),
        )
    }
    assert list(made.values()) == [1, 2, 2]
    for topic in (security.alerts_topic, progress_topic(security)):
        assert topics.config(topic, "cleanup.policy") == "compact"
        assert topics.config(topic, "retention.ms") == "-1"
    assert topics.describe(security.insights_topic)["error_code"] != 0, "it isn't this flow's"


def test_without_the_login_flows_output_the_start_says_what_to_do(security: Flow) -> None:
    """One line, and exit status 1."""
    with security.running(BROKER_WAIT_SECONDS="0") as process:
        assert process.wait() == 1
    assert f"there is no topic {security.output}" in process.output()
    assert "start the login flow" in process.output()
    assert "Traceback" not in process.output()
