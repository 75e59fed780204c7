"""The security flow beside a login flow: its input, its topics, and what it wrote."""

from dataclasses import replace
from typing import Any

import msgspec

from models import Alert, ProcessedLogin
from tests.support.flow import Flow

__all__ = ["alerts", "beside", "dead_letter_topic", "progress_topic", "record", "send"]


def beside(flow: Flow) -> Flow:
    """Return the security flow that reads a login flow's output, with a folder of its own."""
    folder = flow.folder / "security"
    folder.mkdir()
    return replace(flow, folder=folder, entry="dataflows.security")


def progress_topic(flow: Flow) -> str:
    """Return where it notes its progress."""
    return f"{flow.group}-security-progress"


def dead_letter_topic(flow: Flow) -> str:
    """Return where it writes what is not a processed login."""
    return f"{flow.alerts_topic}-dlq"


def record(login: ProcessedLogin, partition: int) -> dict[str, Any]:
    """Return the record that the login flow writes of a login."""
    return {
        "key": login.user_id.encode(),
        "value": msgspec.json.encode(login),
        "partition": partition,
    }


def send(flow: Flow, parts: list[list[ProcessedLogin]]) -> None:
    """Write processed logins, by partition, where the login flow would."""
    flow.topics.make(flow.output, len(parts))
    logins = [record(one, number) for number, logins in enumerate(parts) for one in logins]
    flow.topics.send(flow.output, logins)


def alerts(flow: Flow) -> list[tuple[str, Alert]]:
    """Return all alerts that were written, with their keys."""
    return [
        (record.key.decode(), msgspec.json.decode(record.value, type=Alert))
        for record in flow.topics.read(flow.alerts_topic)
    ]
