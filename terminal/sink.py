"""A Bytewax sink that prints the report: pinned to a terminal, as plain lines into a file."""

import atexit
import contextlib
import os
import sys
from io import TextIOWrapper
from typing import TextIO

import structlog
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from rich.console import Console, RenderableType

from connectors.stopping import before_the_last_line, when_draining
from console import discard
from operators.report import Report
from operators.report_text import as_lines, as_table
from terminal.pinned import PinnedLines

__all__ = ["TerminalSink"]

log = structlog.get_logger()

UNKNOWN_COLUMNS = 80  # of a terminal that reports its size as 0, as some pseudo-terminals do


class TerminalSink(FixedPartitionedSink[Report, None]):
    """Prints reports on standard output, on one worker only.

    On a terminal each report replaces the one before, at the bottom, and the final one is printed
    where other output goes on. Elsewhere reports are lines.

    A single partition rather than a DynamicSink: that one would print on every worker and takes
    no part in snapshots.
    """

    def list_parts(self) -> list[str]:
        """Return the only partition; the engine gives it to one worker."""
        return ["terminal"]

    def part_fn(self, _item_key: str) -> int:
        """Return the only partition, whatever the key."""
        return 0

    def build_part(
        self, _step_id: str, _for_part: str, _resume_state: None
    ) -> "StatefulSinkPartition[Report, None]":
        """Open standard output as it is now."""
        return _Partition(sys.stdout)


class _Partition(StatefulSinkPartition[Report, None]):
    def __init__(self, stdout: TextIO | None) -> None:
        if isinstance(stdout, TextIOWrapper):
            # A locale may have characters that this terminal's encoding lacks.
            stdout.reconfigure(errors="backslashreplace")
        self._stdout = stdout
        self._pinned: PinnedLines | None = None
        self._last: Report | None = None  # what is shown in the pinned lines
        if stdout is not None and not stdout.closed and PinnedLines.possible(stdout):
            self._pinned = PinnedLines(stdout)
            when_draining(self._pinned.release)  # a final report follows
            before_the_last_line(self._leave_last_report)
            atexit.register(self._leave_last_report)

    def write_batch(self, values: list[Report]) -> None:
        """Print reports until standard output is closed; that is no reason to stop the flow."""
        if self._stdout is None or self._stdout.closed:
            return
        try:
            for report in values:
                self._print(self._stdout, report)
        except OSError as error:
            discard(self._stdout)
            self._stdout = self._pinned = self._last = None
            log.warning("the report is no longer printed", error=str(error))

    def snapshot(self) -> None:
        """Return nothing: the report's state is the operator's."""

    def _print(self, stdout: TextIO, report: Report) -> None:
        if self._pinned is None:
            stdout.write(_text(stdout, report))
            stdout.flush()
        elif report.final:
            self._last = None
            self._pinned.release(_text(stdout, report))
        else:
            self._last = report
            columns, rows = self._pinned.room()
            table = _rendered(stdout, as_table(report, columns, rows), columns)
            self._pinned.show(table.splitlines())

    def _leave_last_report(self) -> None:
        """Leave the terminal as it was found, with the report where other output goes on."""
        if self._stdout is None or self._pinned is None:
            return
        report, self._last = self._last, None
        with contextlib.suppress(OSError, ValueError):  # the terminal may be gone
            self._pinned.release(_text(self._stdout, report) if report else "")


def _text(stdout: TextIO, report: Report) -> str:
    if not stdout.isatty():
        return "".join(f"{line}\n" for line in as_lines(report))
    columns = os.get_terminal_size(stdout.fileno()).columns or UNKNOWN_COLUMNS
    return _rendered(stdout, as_table(report, columns), columns)


def _rendered(stdout: TextIO, table: RenderableType, columns: int) -> str:
    # Captured, because rich's own print ends the process when the reader has gone.
    console = Console(file=stdout, width=columns)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
