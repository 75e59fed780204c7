"""What the flows rely on inside the engine: each test fails when a new version changes it."""

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from dataflows.engine_internals import (
    committed_epochs,
    delete_snapshots,
    file_number,
    parse_command_line,
    resume_epoch,
    resumed_state,
    stateful_steps,
    steps_in_file,
)
from tests.support.recovery_flow import make_folder, run_with_recovery, small_flow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three files, after a run of the small flow."""
    make_folder(tmp_path, 3)
    run_with_recovery(tmp_path, small_flow())
    return tmp_path


@contextmanager
def opened(folder: Path) -> Iterator[list[sqlite3.Connection]]:
    """Open a folder's files. Never while the engine uses them in this process: two copies of SQLite
    don't see each other's locks.
    """
    with ExitStack() as stack:
        paths = sorted(folder.glob("part-*.sqlite3"))
        yield [stack.enter_context(closing(sqlite3.connect(path))) for path in paths]


@pytest.fixture
def files(folder: Path) -> Iterator[list[sqlite3.Connection]]:
    """The folder's files."""
    with opened(folder) as files:
        yield files


def test_the_command_line_is_read_as_the_engine_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options are found under the names that the start relies on."""
    line = "run dataflows.login -r state -s 1 -b 0 -w 2 -i 1 -a a:1;b:2"
    monkeypatch.setattr(sys, "argv", line.split())
    arguments = parse_command_line()
    assert str(arguments.recovery_directory) == "state"
    assert int(arguments.workers_per_process) == 2
    assert (int(arguments.process_id), arguments.addresses) == (1, "a:1;b:2")


def test_stateful_steps_are_those_that_the_engine_saves(files: list[sqlite3.Connection]) -> None:
    """No more and no fewer: one that is missing here would be refused as another flow's."""
    saved = frozenset[str]().union(*map(steps_in_file, files))
    assert saved == stateful_steps(small_flow())


def test_files_are_numbered(files: list[sqlite3.Connection]) -> None:
    """From 0 on, each with the number of all."""
    assert [file_number(file) for file in files] == [(0, 3), (1, 3), (2, 3)]


def test_the_engine_resumes_at_the_predicted_epoch(folder: Path) -> None:
    """The next run begins where the last one ended, after what is committed."""
    with opened(folder) as files:
        predicted = resume_epoch(files)
        assert predicted is not None
        assert max(committed_epochs(files)) < predicted
    run_with_recovery(folder, small_flow())
    with opened(folder) as files:
        runs = [
            row for file in files for row in file.execute("SELECT ex_num, resume_epoch FROM exs")
        ]
    assert max(runs) == (1, predicted)


def test_resumed_state_is_all_that_was_saved(files: list[sqlite3.Connection]) -> None:
    """Each key of each step, once it is before the epoch; none before the first one."""
    keys = {("login.report", str(number)) for number in range(10)}
    state = resumed_state(files, resume_epoch(files))
    assert {row for row in state if row[0] == "login.report"} == keys
    assert {step for step, _ in state} == stateful_steps(small_flow())
    assert not resumed_state(files, 0)


def test_deleted_snapshots_are_gone(files: list[sqlite3.Connection]) -> None:
    """Those of the epoch and later ones."""
    for file in files:
        delete_snapshots(file, 0)
    assert not frozenset[str]().union(*map(steps_in_file, files))
