"""What make calls before a target: `.venv` gets the packages that the target needs.

    python3 -m bootstrap run       # for make run and the like: flow, live page, local Kafka
    python3 -m bootstrap dev       # all that the tests and checks need, too
    python3 -m bootstrap lock      # make lock: pin the packages again, in their newest versions

Any Python from 3.8 on will do. If nothing is to be done nothing is printed, and no network needed.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from bootstrap.commands import say
from bootstrap.environment import install, is_ready
from bootstrap.errors import SetupError
from bootstrap.files import LOCAL, LOG, alone
from bootstrap.locks import write_locks

INTERRUPTED = 130  # as a shell has it for SIGINT


def main() -> int:
    """Set up, and return the exit status; the last line says why when that isn't 0."""
    parser = argparse.ArgumentParser("python3 -m bootstrap", description=main.__doc__)
    parser.add_argument("what", choices=["run", "dev", "lock"])
    parser.add_argument("--python", default="", help="the Python of .venv; found if not given")
    options = parser.parse_args()
    try:
        if options.what == "lock":
            write_locks()
        else:
            _set_up(Path(f"requirements-{options.what}.txt"), options.python)
    except SetupError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"{error.strerror}: {error.filename or LOG}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: the same command goes on with it")
        return INTERRUPTED
    return 0


def _set_up(lock: Path, python: str) -> None:
    if is_ready(lock, python):
        return
    begin = time.monotonic()
    LOCAL.mkdir(exist_ok=True)
    with alone(lambda: say("another setup is at work here: waiting for it")):
        if not is_ready(lock, python):
            LOG.unlink(missing_ok=True)
            install(lock, python)
            say(f"done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    sys.exit(main())
