"""`python -m dlq`: shows dead letters, or sends them back into the input topic."""

import argparse
import logging
import sys
from threading import Event

from connectors.stopping import drain_on_signals
from dlq.errors import CommandError
from dlq.options import parse
from dlq.output import say
from dlq.repair import Repair, RepairError, load_repair
from dlq.replay import replay
from dlq.show import show
from dlq.topics import find_input, find_letters, prepare_marks
from logs import configure_logs
from settings import Settings, load_settings

INTERRUPTED = 130  # what a shell gives for SIGINT: not everything was done


def main(arguments: list[str] | None = None) -> int:
    """Do what the options ask for; give the exit status."""
    options = parse(arguments)
    try:
        repair = load_repair(options.repair) if getattr(options, "repair", None) else None
    except RepairError as error:
        say(f"--repair: {error}")
        return 2
    settings = load_settings()
    configure_logs(settings)
    # What ends a command is said by the command, in one line; the client would say it in three.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL + 1)
    draining = drain_on_signals()
    try:
        _run(options, repair, settings, draining)
    except CommandError as error:
        say(str(error))
        return INTERRUPTED if draining.is_set() else 1
    except SystemExit as end:
        if end.code != 0:  # the wait failed, with a line; 0 means that it was interrupted
            raise
    return INTERRUPTED if draining.is_set() else 0


def _run(
    options: argparse.Namespace, repair: Repair | None, settings: Settings, draining: Event
) -> None:
    source = find_letters(settings, draining)
    if options.command == "show":
        show(options, settings, source, draining)
        return
    target = find_input(settings, draining)
    if not options.dry_run:
        prepare_marks(settings, draining)
    replay(options, repair, settings, source, target, draining)


if __name__ == "__main__":
    sys.exit(main())
