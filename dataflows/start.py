"""What every flow does before it runs: refuse a start that can't work, and begin to be watched."""

from collections.abc import Set
from pathlib import Path
from threading import Event

from bytewax import run

from connectors.open_files import allow_open_files
from connectors.topic_watch import watch_topics
from connectors.topics import NO_INPUT, FlowTopics, prepare_topics
from dataflows.command_line import check_command_line
from dataflows.recovery_folder import check_partitions
from monitoring.health import HEALTH
from monitoring.server import serve_monitoring
from settings import Settings

__all__ = ["check_start"]


def check_start(
    settings: Settings, draining: Event, steps: Set[str], no_input: str = NO_INPUT
) -> FlowTopics:
    """Refuse a start that can't work, with one line; else return the topics, ready for use.

    Args:
        settings: the process's settings.
        draining: ends the wait for the recovery folder, a broker or a topic when set.
        steps: the names of the flow's steps with state.
        no_input: what to do when there is no input topic.
    """
    arguments = run._parse_args()  # type: ignore[no-untyped-call]
    check_command_line(arguments, steps, draining)
    serve_monitoring(settings, arguments, draining)
    topics = prepare_topics(settings, draining, no_input)
    processes = len((arguments.addresses or "").split(";"))
    allow_open_files(topics, processes, int(arguments.workers_per_process or 1))
    if arguments.recovery_directory is not None:
        check_partitions(Path(arguments.recovery_directory), topics.input, topics.partitions)
    watch_topics(settings, topics, draining, HEALTH.heard)
    return topics
