"""What every flow does before it runs: check that it can work, and begin monitoring."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

from bytewax.dataflow import Dataflow

from connectors.open_files import allow_open_files
from connectors.topic_watch import watch_topics
from connectors.topics import NO_INPUT, FlowTopics, prepare_topics
from dataflows.command_line import check_command_line
from dataflows.engine_internals import parse_command_line, stateful_steps
from dataflows.garbage import collect_cycles_seldom
from dataflows.recovery_folder import check_partitions
from monitoring.health import HEALTH
from monitoring.server import serve_monitoring
from settings import Settings

__all__ = ["start"]

Wiring = Callable[[Settings, FlowTopics, Event], Dataflow]
UNKNOWN_TOPICS = FlowTopics("", "", 0, "", 0, "", "", "", 0, 0, 0, 0)


def start(
    wiring: Wiring, settings: Settings, draining: Event, no_input: str = NO_INPUT
) -> Dataflow:
    """Return a flow that can run, or end the start with one line.

    Args:
        wiring: builds the flow.
        settings: the process's settings.
        draining: ends the wait for the recovery folder, a broker or a topic when set.
        no_input: what to do when there is no input topic.
    """
    arguments = parse_command_line()
    # The recovery folder is checked before Kafka is contacted. Which steps are stateful doesn't
    # depend on the topics.
    steps = stateful_steps(wiring(settings, UNKNOWN_TOPICS, draining))
    check_command_line(arguments, steps, draining)
    serve_monitoring(settings, arguments, draining)
    topics = prepare_topics(settings, draining, no_input)
    processes = len((arguments.addresses or "").split(";"))
    allow_open_files(topics, processes, int(arguments.workers_per_process or 1))
    if arguments.recovery_directory is not None:
        check_partitions(Path(arguments.recovery_directory), topics.input, topics.partitions)
    watch_topics(settings, topics, draining, HEALTH.broker_answered)
    collect_cycles_seldom()
    return wiring(settings, topics, draining)
