"""The names under which the recovery store keeps state."""

from collections.abc import Iterator
from threading import Event
from typing import Any

from connectors.topics import FlowTopics
from dataflows import login, security
from settings import Settings

TOPICS = FlowTopics("in", "id", 4, "out", 4, "dlq", "progress", "upserts", 1, *[1_000_000] * 3)
KEEP_STATE = ("input", "output", "stateful_batch")  # the engine's kinds of step that can


def steps(operator: Any) -> Iterator[tuple[str, str]]:
    """Return kind and id of each step below an operator."""
    for step in operator.substeps:
        yield type(step).__name__, step.step_id
        yield from steps(step)


def test_no_step_with_state_is_renamed() -> None:
    """State is found again by flow and step: under another name it would be lost.

    If a change of these names is meant, every recovery folder in use has to be made anew: say so
    in the changelog, and change the list here.
    """
    flow = login.login_flow(Settings(), TOPICS, Event())
    found = {step for kind, step in steps(flow) if kind in KEEP_STATE}
    # The sink that ends the process keeps none.
    assert found - {"login.stop"} == {
        "login.read",
        "login.write",
        "login.lateness",
        "login.windows",
        "login.upsert",
        "login.breaker",
        "login.report",
        "login.print",
    }
    assert found - {"login.stop"} == login.STEPS_WITH_STATE


def test_no_step_with_state_of_the_security_flow_is_renamed() -> None:
    """Alike."""
    flow = security.security_flow(Settings(), TOPICS, Event())
    found = {step for kind, step in steps(flow) if kind in KEEP_STATE} - {"security.stop"}
    assert found == security.STEPS_WITH_STATE
    assert found == {
        "security.read",
        "security.write",
        "security.lateness",
        "security.findings",
        "security.bursts",
        "security.upsert",
        "security.breaker",
    }
