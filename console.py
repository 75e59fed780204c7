"""What programs show to a person at a terminal; a reader that has gone away is not a failure."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

__all__ = ["discard", "progress_bar"]

BAR_EVERY_SECONDS = 0.1


@contextmanager
def progress_bar(total: int | None) -> Iterator[Callable[[int], None]]:
    """Give a function that shows how many are done, as a bar if there is a total and a terminal."""
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


def discard(stream: TextIO) -> None:
    """Drop what a stream still buffers for a reader that has gone away.

    Python writes it at exit, and would fail again.
    """
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
