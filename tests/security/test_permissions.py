"""Permissions that are missing: at the start, and taken away while a flow runs."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACLOperation

from tests.security.permissions import TOPIC, Permissions, check_end, of_login, of_security
from tests.security.secured import RESTRICTED, SecuredKafka, run_program
from tests.support import security
from tests.support.attacks import START, spray
from tests.support.flow import Flow
from tests.support.logins import records
from tests.support.waiting import wait_until

LOGINS = 40
ATTACKERS = 60
ANY = Flow("", "any", Path())  # what its permissions are called


@pytest.fixture
def granted(secured: SecuredKafka) -> Iterator[Permissions]:
    """The restricted user's permissions: none yet."""
    with KafkaAdminClient(bootstrap_servers=secured.broker.bootstrap_servers) as admin:
        yield Permissions(admin)


@pytest.fixture
def restricted(secured: SecuredKafka, secured_flow: Flow) -> Flow:
    """A flow that logs in as the restricted user, with its topics and some input."""
    flow = secured_flow
    flow.settings = secured.link("LOGIN", KAFKA_SASL_USERNAME=RESTRICTED)
    topics = (flow.input, flow.output, flow.dead_letter_topic, flow.insights_topic)
    for topic in (*topics, flow.progress_topic):
        flow.topics.make(topic)
    flow.topics.send(flow.input, records(range(LOGINS)))
    return flow


@pytest.fixture
def watched(secured: SecuredKafka, secured_flow: Flow) -> Flow:
    """A security flow of the same user, with its topics and an attack in its input."""
    flow = security.beside(secured_flow)
    flow.settings = secured.link("LOGIN", KAFKA_SASL_USERNAME=RESTRICTED)
    progress, letters = security.progress_topic(flow), security.dead_letter_topic(flow)
    for topic in (flow.alerts_topic, letters, progress):
        flow.topics.make(topic)
    security.send(flow, [spray(START, ATTACKERS)])
    return flow


def test_what_the_documentation_lists_is_enough(restricted: Flow, granted: Permissions) -> None:
    """A user with no other permissions runs the flow to its end."""
    granted.give(of_login(restricted).values())
    restricted.back_fill(recovery=False)
    assert len(restricted.outputs()) == LOGINS


@pytest.mark.parametrize("missing", of_login(ANY))
def test_each_of_them_is_needed_and_missed_in_one_line(
    restricted: Flow, granted: Permissions, missing: str
) -> None:
    """Without one the flow ends with status 1 and a line that says that a permission is missing."""
    wanted = of_login(restricted)
    granted.give(wanted.values())
    if missing == "read progress":
        restricted.back_fill(recovery=False)  # as long as there is no progress, none is read
    granted.take(wanted[missing])
    if "dead letters" in missing:
        restricted.topics.send(restricted.input, [{"value": b"no login", "partition": 0}])
    with restricted.running(STOP_AT_END="true") as process:
        assert process.wait() == 1, process.output()
    check_end(process.output())


@pytest.mark.parametrize("taken", ["read the input", "write outputs", "commit group offsets"])
def test_a_permission_that_is_taken_away_stops_the_running_flow(
    restricted: Flow, granted: Permissions, taken: str
) -> None:
    """A flow that may no longer read, write or commit ends with one line instead of waiting."""
    wanted = of_login(restricted)
    granted.give(wanted.values())
    with restricted.running() as process:
        wait_until(lambda: len(restricted.outputs()) == LOGINS, "outputs")
        granted.take(wanted[taken])
        more = itertools.count(LOGINS)

        def ended() -> bool:
            # A broker may let through what comes right behind the change, so one login won't do.
            number = next(more)
            restricted.topics.send(restricted.input, records(range(number, number + 1)))
            return process.process.poll() is not None

        wait_until(ended, "the flow ends")
        assert process.wait(0) == 1, process.output()
    check_end(process.output())


def test_a_start_that_may_not_widen_its_topics_names_them(
    restricted: Flow, granted: Permissions
) -> None:
    """After more input partitions; with Alter on those two topics it widens them itself."""
    granted.give(of_login(restricted).values())
    restricted.topics.grow(restricted.input, 6)
    restricted.topics.send(restricted.input, records(range(LOGINS, 2 * LOGINS), partitions=6))
    with restricted.running(STOP_AT_END="true") as process:
        assert process.wait() == 1, process.output()
    check_end(process.output())
    narrow = (restricted.dead_letter_topic, restricted.progress_topic)
    assert f"add partitions to {' and '.join(narrow)}" in process.output()
    granted.give((TOPIC, topic, ACLOperation.ALTER) for topic in narrow)
    restricted.back_fill(recovery=False)
    assert len(restricted.outputs()) == 2 * LOGINS


def test_what_the_documentation_lists_is_enough_for_alerts(
    watched: Flow, granted: Permissions
) -> None:
    """A user with no other permissions runs the security flow to its end."""
    granted.give(of_security(watched).values())
    watched.back_fill(recovery=False)
    assert [alert.count for _, alert in security.alerts(watched)] == [ATTACKERS]


@pytest.mark.parametrize("missing", of_security(ANY))
def test_each_of_them_is_needed_for_alerts(
    watched: Flow, granted: Permissions, missing: str
) -> None:
    """Without one the security flow ends as the login flow does."""
    wanted = of_security(watched)
    granted.give(wanted.values())
    if missing == "read progress":
        watched.back_fill(recovery=False)
    granted.take(wanted[missing])
    if "dead letters" in missing:
        watched.topics.send(watched.output, [{"value": b"no login", "partition": 0}])
    with watched.running(STOP_AT_END="true") as process:
        assert process.wait() == 1, process.output()
    check_end(process.output())


@pytest.mark.parametrize(
    "command",
    [["producer", "--count", "1"], ["dlq", "show"], ["dlq", "replay"], ["insights"], ["dashboard"]],
    ids=" ".join,
)
@pytest.mark.parametrize("given", ["nothing", "to describe"])
def test_every_other_program_says_that_it_lacks_a_permission(
    restricted: Flow, granted: Permissions, free_ports: list[int], command: list[str], given: str
) -> None:
    """Neither topics that it may not see nor ones that it may only see make it wait or hide why."""
    if given == "to describe":
        topics = (restricted.input, restricted.dead_letter_topic, restricted.insights_topic)
        granted.give([(TOPIC, topic, ACLOperation.DESCRIBE) for topic in topics])
    settings = {"DASHBOARD_PORT": str(free_ports[0])}
    done = run_program(restricted, command, settings)
    assert done.returncode == 1
    check_end(done.stdout + done.stderr)
