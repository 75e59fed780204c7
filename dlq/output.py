"""What a command prints; a reader that has gone away stops nothing."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

__all__ = ["CommandError", "fail", "progress_bar", "put", "say"]

BAR_EVERY_SECONDS = 0.1


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


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """Give a function that shows how many offsets were read: as a bar, on a terminal."""
    if not total or not sys.stderr.isatty():
        yield lambda _done: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        next_at = 0.0

        def show(done: int) -> None:
            nonlocal next_at
            if done >= total or time.monotonic() >= next_at:
                next_at = time.monotonic() + BAR_EVERY_SECONDS
                progress.update(task, completed=done)

        yield show


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        # What is still buffered has to go nowhere: Python writes it at exit and would fail again.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
