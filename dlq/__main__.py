"""`python -m dlq`: shows dead letters, or replays them into the input topic."""

import logging
import sys

from connectors.stopping import drain_on_signals
from dlq.options import parse
from dlq.output import CommandError, say
from dlq.policy import RepairError, ReplayPolicy, load_repair
from dlq.replay import replay
from dlq.show import show
from dlq.topics import find_topics
from logs import configure_logs
from settings import load_settings

INTERRUPTED = 130  # what a shell gives for SIGINT: not everything was done


def main(arguments: list[str] | None = None) -> int:
    """Do what the options ask for; return the exit status."""
    options = parse(arguments)
    try:
        repair = load_repair(options.repair) if getattr(options, "repair", None) else None
    except RepairError as error:
        say(f"--repair: {error}")
        return 2
    settings = load_settings()
    configure_logs(settings)
    # The command itself says in one line what ends it; the client would say it in three.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL + 1)
    draining = drain_on_signals()
    try:
        source, target = find_topics(options, settings, draining)
        if target is None:
            show(options, settings, source, draining)
        else:
            replay(options, settings, source, ReplayPolicy(target, repair), draining)
    except CommandError as error:
        say(str(error))
        return INTERRUPTED if draining.is_set() else 1
    except SystemExit as end:
        if end.code != 0:  # the wait failed, with a line; 0 means that it was interrupted
            raise
    return INTERRUPTED if draining.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
