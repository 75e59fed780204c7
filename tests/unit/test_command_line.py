"""Command lines that the engine would take although they can't work."""

import sqlite3
from argparse import Namespace
from contextlib import closing, nullcontext
from pathlib import Path
from threading import Event

import pytest
from bytewax.recovery import init_db_dir

from dataflows.command_line import check_command_line

STEPS = frozenset({"login.read"})


def arguments(**changes: object) -> Namespace:
    """Return a command line in which only the given options are set."""
    defaults = dict.fromkeys(
        ("workers_per_process", "process_id", "addresses", "recovery_directory")
    )
    return Namespace(**{**defaults, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"workers_per_process": 2},
        {"workers_per_process": "2"},  # as it comes from the environment
        {"process_id": 1, "addresses": "a:1;b:2"},
        {"process_id": "0", "addresses": "a:1"},
    ],
)
def test_a_command_line_that_works_passes(changes: dict[str, object]) -> None:
    """What the engine can run isn't refused."""
    check_command_line(arguments(**changes), STEPS, Event())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"workers_per_process": 0}, "1 or more"),
        ({"workers_per_process": -1}, "1 or more"),
        ({"workers_per_process": "two"}, "1 or more"),
        ({"addresses": "a:1"}, "needs -i"),
        ({"process_id": 1, "addresses": "a:1"}, "has to be 0 to 0"),
        ({"process_id": -1, "addresses": "a:1;b:1"}, "has to be 0 to 1"),
        ({"process_id": 0, "addresses": "a;b"}, "HOST:PORT"),
        ({"recovery_directory": Path("/nowhere")}, "python -m bytewax.recovery /nowhere 1"),
    ],
)
def test_a_command_line_that_can_not_work_is_refused(changes: dict[str, object], said: str) -> None:
    """One line says what to do, and the exit status isn't 0."""
    with pytest.raises(SystemExit, match=said):
        check_command_line(arguments(**changes), STEPS, Event())


def test_in_a_cluster_process_0_has_the_state_by_itself(tmp_path: Path) -> None:
    """An empty recovery folder is refused of the first process, not of the others."""
    cluster = {"addresses": "a:1;b:2", "recovery_directory": tmp_path}
    check_command_line(arguments(**cluster, process_id=1), STEPS, Event())
    with pytest.raises(SystemExit, match="no recovery state"):
        check_command_line(arguments(**cluster, process_id=0), STEPS, Event())


@pytest.mark.parametrize(("step", "cleaned"), [("login.read", True), ("orders.read", False)])
def test_a_recovery_folder_is_cleaned_only_if_it_fits(
    tmp_path: Path, step: str, *, cleaned: bool
) -> None:
    """One that is refused keeps all that it holds, for whoever looks into it."""
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]
    file = tmp_path / "part-0.sqlite3"
    with closing(sqlite3.connect(file)) as store, store:
        store.execute("INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (0, 1, 5)")
        store.execute("INSERT INTO snaps VALUES (datetime(), ?, '00000', 5, x'00')", (step,))
    before = file.read_bytes()
    with nullcontext() if cleaned else pytest.raises(SystemExit, match=step):
        check_command_line(arguments(recovery_directory=tmp_path), STEPS, Event())
    with closing(sqlite3.connect(file)) as store:
        [(left,)] = store.execute("SELECT count(*) FROM snaps")
    assert left == (0 if cleaned else 1)
    assert (file.read_bytes() == before) != cleaned
