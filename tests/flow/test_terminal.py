"""The report on a terminal, as a person sees it; other output shares the terminal."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import TextIO

import pytest
from bytewax.testing import TestingSource
from rich.console import Console

from operators.report import Report, make_report
from operators.report_text import as_table
from terminal.pinned import PinnedLines
from terminal.sink import TerminalSink
from tests.flow.test_report import engine, report_flow, tally
from tests.support.processes import start_process
from tests.support.screen import PseudoTerminal, pseudo_terminal
from tests.support.waiting import wait_until
from tests.unit.test_report import totals_of

ROOT = Path(__file__).parents[2]
PINNED = "\x1b[1;"  # begins a scroll region
TERMINAL = {"TERM": "xterm-256color"}

# A flow in a process of its own. It prints two reports and a log line after each, and then waits
# until a signal drains it, or ends as the argument says.
FLOW_SCRIPT = """
import os, signal, sys
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import run_main
from connectors.stopping import drain_on_signals, stop_process
from terminal.sink import TerminalSink
from tests.flow.test_report import report_flow, tally

draining = drain_on_signals()

class Source(FixedPartitionedSource):
    def list_parts(self):
        return ["0"]

    def build_part(self, *_):
        return Partition()

class Partition(StatefulSourcePartition):
    def __init__(self):
        self.batches = [tally("abc"), tally("ab")]

    def next_batch(self):
        if draining.is_set() and sys.argv[1] != "hang":
            raise StopIteration
        if self.batches:
            return [self.batches.pop()]
        if sys.argv[1] == "stop":
            stop_process("the disk is full: make room")
        if sys.argv[1] == "raise":
            raise RuntimeError("a fault")
        return []

    def snapshot(self):
        return None

run_main(report_flow(Source(), TerminalSink(), every=1))
print("after the flow", flush=True)
"""


@pytest.fixture
def terminal() -> Iterator[PseudoTerminal]:
    """A terminal of the most common size."""
    with pseudo_terminal(80, 24) as opened:
        yield opened


@pytest.fixture
def stdout(terminal: PseudoTerminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """A file that is the terminal."""
    for name, value in TERMINAL.items():
        monkeypatch.setenv(name, value)
    with open(os.dup(terminal.own), "w") as opened:  # noqa: PTH123 - a descriptor
        yield opened


def shown(terminal: PseudoTerminal, last: str) -> list[str]:
    """The screen's rows, once the line with a text has been written."""

    def complete() -> bool:
        return last in terminal.written and terminal.written.endswith("\n")

    wait_until(complete, f"{last!r} on the terminal")
    return terminal.screen().lines


def run_on(
    terminal: PseudoTerminal, how_it_ends: str, **settings: str
) -> "subprocess.Popen[bytes]":
    """Run the flow with the terminal as its standard output and error."""
    return start_process(
        [sys.executable, "-c", FLOW_SCRIPT, how_it_ends],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **TERMINAL, **settings},
        stdin=terminal.own,
        stdout=terminal.own,
        stderr=terminal.own,
    )


class TestPinnedLines:
    """Lines at the bottom of a terminal."""

    def test_replace_each_other_and_all_other_output_is_kept(
        self, terminal: PseudoTerminal, stdout: TextIO
    ) -> None:
        """However much other programs print, each line is there once, in order, above them."""
        pinned = PinnedLines(stdout)
        os.write(terminal.own, b"before\n")
        for number in range(4):
            pinned.show([f"pinned {number}", *["more"] * number])
            os.write(terminal.own, b"".join(b"log %d-%d\n" % (number, n) for n in range(20)))
        lines = shown(terminal, "log 3-19")
        assert lines[-4:] == ["pinned 3", "more", "more", "more"]
        everything = terminal.screen().everything().splitlines()
        printed = [line for line in everything if line.startswith(("before", "log"))]
        assert printed == ["before", *(f"log {a}-{b}" for a in range(4) for b in range(20))]
        assert not [line for line in everything if line.startswith("pinned") and "3" not in line]

    def test_that_are_too_many_or_too_wide_leave_room_for_other_output(
        self, terminal: PseudoTerminal, stdout: TextIO
    ) -> None:
        """They are cut at the edges, and wrap nothing."""
        pinned = PinnedLines(stdout)
        pinned.show(["x" * 100] * 100)
        os.write(terminal.own, b"log\n")
        lines = shown(terminal, "log")
        assert lines[:6] == ["log", *[""] * 5]
        assert lines[6:] == ["x" * 80] * 18

    def test_follow_the_terminals_size(self, terminal: PseudoTerminal, stdout: TextIO) -> None:
        """After a change they are at the bottom again, and what was there scrolls with the rest."""
        pinned = PinnedLines(stdout)
        pinned.show(["first"])
        terminal.resize(80, 30)
        pinned.show(["second"])
        os.write(terminal.own, b"".join(b"log %d\n" % number for number in range(40)))
        lines = shown(terminal, "log 39")
        assert lines[-3:] == ["log 39", "", "second"]
        assert len(lines) == 30

    def test_give_the_whole_terminal_back(self, terminal: PseudoTerminal, stdout: TextIO) -> None:
        """Nothing is left of them, what follows goes on below, and later lines aren't shown."""
        pinned = PinnedLines(stdout)
        pinned.show(["pinned"] * 10)
        os.write(terminal.own, b"log\n")
        pinned.release("final\n")
        pinned.show(["late"])
        os.write(terminal.own, b"".join(b"after %d\n" % number for number in range(30)))
        screen = (shown(terminal, "after 29"), terminal.screen())[1]
        assert "pinned" not in screen.everything()
        assert "late" not in screen.everything()
        assert screen.history[:2] == ["log", "final"]
        assert screen.lines[-2:] == ["after 29", ""]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 60), (40, 24), (40, 60), (32, 9)])
def test_report_fits_the_terminal(columns: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The total is on the screen, nothing is wider than it, and a log has its rows."""
    monkeypatch.setenv("TERM", "xterm")
    with pseudo_terminal(columns, rows) as terminal:
        with open(os.dup(terminal.own), "w") as stdout:  # noqa: PTH123 - a descriptor
            monkeypatch.setattr(sys, "stdout", stdout)
            part = TerminalSink().build_part("", "terminal", None)
            part.write_batch([_report()])
            os.write(terminal.own, b"log\n")
        lines = shown(terminal, "log")
        assert lines[0] == "log"
        assert not any(lines[1:6])
        assert any("12,345" in line for line in lines)


def test_every_section_is_shown_where_values_have_to_be_left_out() -> None:
    """The longest sections get shorter, and say how many values have no row."""
    table = as_table(_report(), 80, 18)
    text = StringIO()
    Console(file=text, width=80).print(table)
    for title in ("Device types", "App versions", "Version categories", "Top locales"):
        assert title in text.getvalue()
    assert "Data quality" in text.getvalue()
    assert "not_json" in text.getvalue()
    assert " more" in text.getvalue()
    assert len(text.getvalue().splitlines()) <= 18


def _report() -> Report:
    """A report with values in every section."""
    totals = totals_of(*(f"locale {number}" for number in range(30)), rejects={"not_json": 3})
    totals.stats.logins = 12_345
    return make_report(totals, 1.0, final=False)


def test_ctrl_c_leaves_the_final_report_alone(terminal: PseudoTerminal) -> None:
    """The reports before it are gone, and log lines are there."""
    process = run_on(terminal, "drain")
    wait_until(lambda: "Logins" in terminal.written, "a report")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    lines = shown(terminal, "after the flow")
    assert len([line for line in lines if " Logins" in line]) == 1
    assert any("Logins, final report" in line for line in lines)
    assert any("stopping" in line for line in lines)
    assert [line for line in lines if line][-1] == "after the flow"


def test_flow_that_stops_leaves_its_last_report_and_then_the_reason(
    terminal: PseudoTerminal,
) -> None:
    """The reason is the last line on the terminal."""
    assert run_on(terminal, "stop").wait(60) == 1
    lines = [line for line in shown(terminal, "make room") if line]
    assert "make room" in lines[-1]
    assert len([line for line in lines if " Logins " in line]) == 1


def test_fault_leaves_a_terminal_that_scrolls(terminal: PseudoTerminal) -> None:
    """Whatever ends the process, its last report is left and the next program has all rows."""
    assert run_on(terminal, "raise").wait(60) == 1
    os.write(terminal.own, b"".join(b"after %d\n" % number for number in range(40)))
    lines = shown(terminal, "after 39")
    assert lines == [*(f"after {number}" for number in range(17, 40)), ""]
    assert terminal.screen().everything().count(" Logins ") == 1


def test_second_ctrl_c_leaves_a_terminal_that_scrolls(terminal: PseudoTerminal) -> None:
    """It ends the process at once, so the terminal is given back at the first one."""
    process = run_on(terminal, "hang")
    wait_until(lambda: "Logins" in terminal.written, "a report")
    process.send_signal(signal.SIGINT)
    wait_until(lambda: "a second signal" in terminal.written, "draining")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT
    os.write(terminal.own, b"".join(b"after %d\n" % number for number in range(40)))
    lines = shown(terminal, "after 39")
    assert lines == [*(f"after {number}" for number in range(17, 40)), ""]


def test_terminal_that_moves_no_cursor_gets_one_report_after_another(
    terminal: PseudoTerminal,
) -> None:
    """TERM=dumb, as within an editor: tables without colours, and nothing moves the cursor."""
    process = run_on(terminal, "drain", TERM="dumb")
    wait_until(lambda: "Logins" in terminal.written, "a report")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    shown(terminal, "after the flow")
    assert not re.search(r"\x1b(\[[\d;?]*[A-Zhlr]|[78D])", terminal.written)
    assert "\x1b[1;36m" not in terminal.written


def test_no_color_is_heeded(terminal: PseudoTerminal) -> None:
    """NO_COLOR: the report stays in its place, without colours."""
    process = run_on(terminal, "drain", NO_COLOR="1")
    wait_until(lambda: "Logins" in terminal.written, "a report")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    shown(terminal, "after the flow")
    assert "\x1b[1;36m" not in terminal.written
    assert PINNED in terminal.written


def test_two_workers_share_the_terminal(
    terminal: PseudoTerminal, stdout: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them shows the report, and one final report is left."""
    monkeypatch.setattr(sys, "stdout", stdout)
    flow = report_flow(TestingSource([tally("ab"), tally("cd")]), TerminalSink(), every=1)
    engine.cluster_main(flow, [], 0, worker_count_per_proc=2)
    stdout.write("after the flow\n")
    stdout.flush()
    shown(terminal, "after the flow")
    assert terminal.screen().everything().count("Logins") == 1


def test_terminal_of_unknown_size_gets_one_report_after_another() -> None:
    """One that reports no columns and rows gets tables of the usual width, not empty ones."""
    with pseudo_terminal(0, 0) as terminal:
        process = run_on(terminal, "drain")
        wait_until(lambda: "Logins" in terminal.written, "a report")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        wait_until(lambda: "after the flow" in terminal.written, "the end")
        assert "Device types" in terminal.written
