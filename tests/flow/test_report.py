import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.recovery
import bytewax.testing
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import Sink
from bytewax.testing import TestingSink, TestingSource

from models import ProcessedLogin
from operators.report import Report, Tally, report
from operators.stats import LoginStats
from terminal.sink import TerminalSink
from tests.support.refusal import refuse

# The engine's Rust part has no types.
engine: Any = bytewax.testing
recovery: Any = bytewax.recovery

EVERY_BATCH = timedelta(0)  # an epoch a batch, so that each one is in a snapshot
ROOT = Path(__file__).parents[2]

# A flow in a process of its own; its input ends after a few reports.
FLOW_SCRIPT = """
from bytewax.testing import TestingSource, run_main
from tests.flow.test_report import report_flow, tally
from terminal.sink import TerminalSink
run_main(report_flow(TestingSource([tally("ab"), tally("cd")]), TerminalSink(), every=1))
print("after the flow")
"""


def tally(users: str, rejects: dict[str, int] | None = None, locale: str = "CA") -> Tally:
    """A batch with a login for each letter."""
    stats = LoginStats()
    stats.add(
        [
            ProcessedLogin(user, "d", "iOS", "2.3.0", "current", locale, None, 0, "", "", ())
            for user in users
        ]
    )
    return Tally((stats,), rejects or {}, 0)


def report_flow(source: Any, sink: Sink[tuple[str, Report]], every: int) -> Dataflow:
    """Wired as in the login flow: all tallies in one place, reports to the sink."""
    flow = Dataflow("report")
    tallies = op.input("tallies", flow, source)
    op.output("print", report("report", tallies, every, refuse), sink)
    return flow


def figures(out: list[tuple[str, Report]]) -> list[tuple[int, int, bool]]:
    """What tells reports apart: logins, dead letters, final."""
    return [(report.logins, report.dead_letters, report.final) for _, report in out]


class Run:
    """Runs a flow over the same input again and again, with recovery."""

    def __init__(self, folder: Path, items: list[Any], every: int) -> None:
        recovery.init_db_dir(folder, 1)
        self._recovery = recovery.RecoveryConfig(str(folder))
        self._items = items
        self._every = every

    def __call__(self) -> list[tuple[int, int, bool]]:
        """Run until the input's next mark and return the reports' figures."""
        out: list[tuple[str, Report]] = []
        flow = report_flow(TestingSource(self._items), TestingSink(out), self._every)
        engine.run_main(flow, epoch_interval=EVERY_BATCH, recovery_config=self._recovery)
        return figures(out)


class _Partitions(FixedPartitionedSource[Tally, None]):
    """Two partitions of three batches each, so that two workers have something to read."""

    def list_parts(self) -> list[str]:
        return ["0", "1"]

    def build_part(self, _step_id: str, for_part: str, _resume_state: None) -> "_Partition":
        return _Partition(for_part)


class _Partition(StatefulSourcePartition[Tally, None]):
    def __init__(self, name: str) -> None:
        # A letter is a user: each partition has its own, and one that both have.
        self._batches = iter([tally(f"{name}{n}x", {"not_json": 1}) for n in "abc"])

    def next_batch(self) -> Iterator[Tally]:
        return iter([next(self._batches)])

    def snapshot(self) -> None:
        return None


def test_totals_survive_a_clean_restart(tmp_path: Path) -> None:
    """The second run's first report counts what the first run processed, and it ends with one."""
    items = [tally("abc"), TestingSource.EOF(), tally("cd", {"not_json": 1})]
    run = Run(tmp_path, items, every=6)
    assert run() == [(3, 0, True)]
    assert run() == [(5, 1, False), (5, 1, True)]


def test_totals_survive_a_crash(tmp_path: Path) -> None:
    """Nothing is lost or counted twice when the process ends without a word."""
    items = [tally("ab"), tally("cd"), TestingSource.ABORT(), tally("ef")]
    run = Run(tmp_path, items, every=100)
    assert run() == []
    assert run() == [(6, 0, True)]


def test_restart_with_nothing_new_still_ends_with_a_report(tmp_path: Path) -> None:
    """The totals are shown even if no login came."""
    run = Run(tmp_path, [tally("abc", {"tombstone": 2})], every=100)
    assert run() == [(3, 2, True)]
    assert run() == [(3, 2, True)]


def test_numbers_that_came_too_early_are_shown_before_the_end() -> None:
    """A report follows a second after the last one while the input is only quiet, not ended."""
    out: list[tuple[str, Report]] = []
    flow = report_flow(_Quiet(out), TestingSink(out), every=2)
    engine.run_main(flow)
    assert figures(out) == [(2, 0, False), (4, 0, False), (4, 0, True)]


class _Quiet(FixedPartitionedSource[Tally, None]):
    """Two batches one behind the other, then quiet until two reports are out."""

    def __init__(self, out: list[tuple[str, Report]]) -> None:
        self._out = out

    def list_parts(self) -> list[str]:
        return ["0"]

    def build_part(self, _step_id: str, _for_part: str, _resume_state: None) -> "_QuietPartition":
        return _QuietPartition(self._out)


class _QuietPartition(StatefulSourcePartition[Tally, None]):
    def __init__(self, out: list[tuple[str, Report]]) -> None:
        self._batches = [tally("cd"), tally("ab")]
        self._out = out

    def next_batch(self) -> list[Tally]:
        if self._batches:
            return [self._batches.pop()]
        if len(self._out) == 2:
            raise StopIteration
        return []

    def snapshot(self) -> None:
        return None


def test_two_workers_make_one_report() -> None:
    """Both workers' logins, a user of both counted once, in one final report."""
    out: list[tuple[str, Report]] = []
    flow = report_flow(_Partitions(), TestingSink(out), every=1_000)
    engine.cluster_main(flow, [], 0, worker_count_per_proc=2)
    assert figures(out) == [(18, 6, True)]
    assert out[0][1].unique_users == len("01abcx")


def test_two_workers_print_one_report(capsys: pytest.CaptureFixture[str]) -> None:
    """Only one worker prints."""
    engine.cluster_main(
        report_flow(_Partitions(), TerminalSink(), every=1_000), [], 0, worker_count_per_proc=2
    )
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in printed].count("final report: 18 logins") == 1
    assert len(printed) == 7


def print_one(locale: str = "CA") -> None:
    """A flow that prints one report, the final one."""
    engine.run_main(
        report_flow(TestingSource([tally("a", locale=locale)]), TerminalSink(), every=10)
    )


def test_file_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file gets lines without escape sequences, on disk as soon as they are printed."""
    path = tmp_path / "out.log"
    with path.open("w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        print_one()
        printed = path.read_text()
    assert printed.startswith("final report: 1 logins, ")
    assert "\x1b" not in printed


def test_encoding_that_lacks_a_character_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale comes from outside, an ASCII log file from an old system: they have to get on."""
    raw = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(raw, encoding="ascii"))
    print_one("Zürich")
    assert b"Z\\xfcrich 1 (100.0%)" in raw.getvalue()


def test_reader_that_has_gone_stops_nothing() -> None:
    """As behind `| head`: the flow goes on to its end and the process ends well."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", FLOW_SCRIPT],
            cwd=ROOT,
            stdout=write_end,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(write_end)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_closed_standard_output_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon may have none at all."""
    closed = StringIO()
    closed.close()
    for stdout in (closed, None):
        monkeypatch.setattr(sys, "stdout", stdout)
        print_one()
