"""Permissions that are missing: at the start, and taken away while the flow runs."""

import itertools
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from tests.security.secured import RESTRICTED, SecuredKafka, run_program
from tests.support.flow import Flow
from tests.support.logins import records
from tests.support.waiting import wait_until

READ, WRITE = ACLOperation.READ, ACLOperation.WRITE
DESCRIBE_CONFIGS = ACLOperation.DESCRIBE_CONFIGS
TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
TRANSACTIONAL_ID = ResourceType.TRANSACTIONAL_ID
Permission = tuple[ResourceType, str, ACLOperation]
LOGINS = 40
NAMES = [
    "read the input",
    "write outputs",
    "describe outputs",
    "write dead letters",
    "describe dead letters",
    "read progress",
    "write progress",
    "write insights",
    "commit group offsets",
    "use transactional ids",
]


def permissions(flow: Flow) -> list[Permission]:
    """Return all that a flow needs whose topics are there: what docs/security.md lists."""
    return [
        (TOPIC, flow.input, READ),
        (TOPIC, flow.output, WRITE),
        (TOPIC, flow.output, DESCRIBE_CONFIGS),
        (TOPIC, flow.dead_letter_topic, WRITE),
        (TOPIC, flow.dead_letter_topic, DESCRIBE_CONFIGS),
        (TOPIC, flow.progress_topic, READ),
        (TOPIC, flow.progress_topic, WRITE),
        (TOPIC, flow.insights_topic, WRITE),
        (GROUP, flow.group, READ),
        (TRANSACTIONAL_ID, flow.group, WRITE),  # and all that begin so
    ]


class Permissions:
    """Those of the restricted user.

    Args:
        admin: of someone who may change them.
    """

    def __init__(self, admin: KafkaAdminClient) -> None:
        self._admin = admin

    def give(self, wanted: list[Permission]) -> None:
        """Give permissions."""
        done = self._admin.create_acls([_rule(one) for one in wanted])
        assert not done["failed"], done

    def take(self, permission: Permission) -> None:
        """Take a permission away."""
        kind, name, operation = permission
        pattern = ResourcePatternFilter(kind, name, ACLResourcePatternType.ANY)
        self._admin.delete_acls(
            [ACLFilter(f"User:{RESTRICTED}", "*", operation, ACLPermissionType.ALLOW, pattern)]
        )


def _rule(permission: Permission) -> ACL:
    kind, name, operation = permission
    prefix = ACLResourcePatternType.PREFIXED
    matching = prefix if kind == TRANSACTIONAL_ID else ACLResourcePatternType.LITERAL
    pattern = ResourcePattern(kind, name, matching)
    return ACL(f"User:{RESTRICTED}", "*", operation, ACLPermissionType.ALLOW, pattern)


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


def test_what_the_documentation_lists_is_enough(restricted: Flow, granted: Permissions) -> None:
    """A user with no other permissions runs the flow to its end."""
    granted.give(permissions(restricted))
    restricted.back_fill(recovery=False)
    assert len(restricted.outputs()) == LOGINS


@pytest.mark.parametrize("missing", range(len(NAMES)), ids=NAMES)
def test_each_of_them_is_needed_and_missed_in_one_line(
    restricted: Flow, granted: Permissions, missing: int
) -> None:
    """Without one the flow ends with status 1 and a line that says that a permission is missing."""
    wanted = permissions(restricted)
    left_out = wanted[missing]
    granted.give(wanted)
    if left_out[1:] == (restricted.progress_topic, READ):
        restricted.back_fill(recovery=False)  # as long as there is no progress, none is read
    granted.take(left_out)
    if left_out[1] == restricted.dead_letter_topic:
        restricted.topics.send(restricted.input, [{"value": b"no login", "partition": 0}])
    with restricted.running(STOP_AT_END="true") as process:
        assert process.wait() == 1, process.output()
    _check_end(process.output())


@pytest.mark.parametrize("taken", [0, 1, 8], ids=["input", "output", "group offsets"])
def test_a_permission_that_is_taken_away_stops_the_running_flow(
    restricted: Flow, granted: Permissions, taken: int
) -> None:
    """A flow that may no longer read, write or commit ends with one line instead of waiting."""
    wanted = permissions(restricted)
    granted.give(wanted)
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
    _check_end(process.output())


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
    _check_end(done.stdout + done.stderr)


def _check_end(output: str) -> None:
    said = [line for line in output.splitlines() if "lacks a permission" in line]
    assert said, output
    assert said[-1] == output.splitlines()[-1]
    assert "Traceback" not in output
    assert "panicked" not in output
