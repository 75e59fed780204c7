"""What a command prints; a reader that has gone away stops nothing."""

import sys
from typing import NoReturn, TextIO

from console import discard

__all__ = ["CommandError", "fail", "put", "say"]


class CommandError(Exception):
    """The command can't continue; the text says what happened and what to do, in one line."""


def fail(line: str) -> NoReturn:
    """Raise CommandError with a line."""
    raise CommandError(line)


def say(line: str) -> None:
    """Print one line for the person who watches, on standard error."""
    _write(sys.stderr, f"dlq: {line}\n")


def put(text: str) -> None:
    """Print a result on standard output."""
    _write(sys.stdout, text if text.endswith("\n") else f"{text}\n")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        discard(stream)
