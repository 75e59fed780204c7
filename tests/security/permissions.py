"""Permissions of a Kafka user: which ones each flow needs, and how tests give and take them."""

from collections.abc import Iterable

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

from tests.security.secured import RESTRICTED
from tests.support.flow import Flow
from tests.support.security import dead_letter_topic, progress_topic

__all__ = ["TOPIC", "Permission", "Permissions", "check_end", "of_login", "of_security"]

READ, WRITE = ACLOperation.READ, ACLOperation.WRITE
DESCRIBE_CONFIGS = ACLOperation.DESCRIBE_CONFIGS
TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
TRANSACTIONAL_ID = ResourceType.TRANSACTIONAL_ID
Permission = tuple[ResourceType, str, ACLOperation]


def of_login(flow: Flow) -> dict[str, Permission]:
    """Return all that the login flow needs whose topics are there: what docs/security.md lists."""
    return {
        "read the input": (TOPIC, flow.input, READ),
        "write outputs": (TOPIC, flow.output, WRITE),
        "describe outputs": (TOPIC, flow.output, DESCRIBE_CONFIGS),
        "write dead letters": (TOPIC, flow.dead_letter_topic, WRITE),
        "describe dead letters": (TOPIC, flow.dead_letter_topic, DESCRIBE_CONFIGS),
        "read progress": (TOPIC, flow.progress_topic, READ),
        "write progress": (TOPIC, flow.progress_topic, WRITE),
        "write insights": (TOPIC, flow.insights_topic, WRITE),
        "commit group offsets": (GROUP, flow.group, READ),
        # and all that begin so
        "use transactional ids": (TRANSACTIONAL_ID, flow.group, WRITE),
    }


def of_security(flow: Flow) -> dict[str, Permission]:
    """Return the same of the security flow."""
    group = f"{flow.group}-security"
    return {
        "read the input": (TOPIC, flow.output, READ),
        "write alerts": (TOPIC, flow.alerts_topic, WRITE),
        "describe alerts": (TOPIC, flow.alerts_topic, DESCRIBE_CONFIGS),
        "write dead letters": (TOPIC, dead_letter_topic(flow), WRITE),
        "describe dead letters": (TOPIC, dead_letter_topic(flow), DESCRIBE_CONFIGS),
        "read progress": (TOPIC, progress_topic(flow), READ),
        "write progress": (TOPIC, progress_topic(flow), WRITE),
        "commit group offsets": (GROUP, group, READ),
        "use transactional ids": (TRANSACTIONAL_ID, group, WRITE),
    }


class Permissions:
    """Those of the restricted user.

    Args:
        admin: of someone who may change them.
    """

    def __init__(self, admin: KafkaAdminClient) -> None:
        self._admin = admin

    def give(self, wanted: Iterable[Permission]) -> None:
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


def check_end(output: str) -> None:
    """See that a program's last line says that a permission is missing, and no trace does."""
    said = [line for line in output.splitlines() if "lacks a permission" in line]
    assert said, output
    assert said[-1] == output.splitlines()[-1]
    assert "Traceback" not in output
    assert "panicked" not in output
