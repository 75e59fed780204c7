"""The names under which the recovery store keeps state."""

from threading import Event

from connectors.topics import FlowTopics
from dataflows import login, security
from dataflows.engine_internals import stateful_steps
from settings import Settings

TOPICS = FlowTopics("in", "id", 4, "out", 4, "dlq", "progress", "upserts", 1, *[1_000_000] * 3)


def test_no_step_with_state_is_renamed() -> None:
    """State is found again by flow and step: under another name it would be lost.

    If a change of these names is meant, every recovery folder in use has to be made anew: say so
    in the changelog, and change the list here.
    """
    assert stateful_steps(login.login_flow(Settings(), TOPICS, Event())) == {
        "login.read",
        "login.write",
        "login.lateness",
        "login.windows",
        "login.upsert",
        "login.breaker",
        "login.report",
        "login.print",
    }


def test_no_step_with_state_of_the_security_flow_is_renamed() -> None:
    """Alike."""
    assert stateful_steps(security.security_flow(Settings(), TOPICS, Event())) == {
        "security.read",
        "security.write",
        "security.lateness",
        "security.findings",
        "security.bursts",
        "security.upsert",
        "security.breaker",
    }
