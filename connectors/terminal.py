"""A Bytewax sink that prints the report: a table on a terminal, plain lines into a file."""

import contextlib
import os
import sys
from io import TextIOWrapper
from typing import TextIO

import structlog
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from rich.console import Console

from operators.report import Report
from operators.report_text import as_lines, as_table

__all__ = ["TerminalSink"]

log = structlog.get_logger()


class TerminalSink(FixedPartitionedSink[Report, None]):
    """Prints reports on standard output, on one worker only.

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

    def write_batch(self, values: list[Report]) -> None:
        """Print reports until standard output is closed; that is no reason to stop the flow."""
        if self._stdout is None or self._stdout.closed:
            return
        try:
            self._stdout.write("".join(self._text(report) for report in values))
            self._stdout.flush()
        except OSError as error:
            _discard_output(self._stdout)
            self._stdout = None
            log.warning("the report is no longer printed", error=str(error))

    def snapshot(self) -> None:
        """Return nothing: the report's state is the operator's."""

    def _text(self, report: Report) -> str:
        if self._stdout is None or not self._stdout.isatty():
            return "".join(f"{line}\n" for line in as_lines(report))
        # Captured, because rich's own print ends the process when the reader has gone.
        console = Console(file=self._stdout)
        with console.capture() as capture:
            console.print(as_table(report))
        return capture.get()


def _discard_output(stdout: TextIO) -> None:
    """Let what is still buffered go nowhere: Python writes it at exit and would fail again."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout.fileno())
        os.close(nowhere)
