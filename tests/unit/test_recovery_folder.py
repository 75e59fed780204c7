"""Recovery folders that the flow can't go on from: made by the engine, spoilt since."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dataflows.recovery_folder import check_partitions, check_recovery_folder
from dataflows.uncommitted_state import forget_uncommitted
from tests.support.recovery_flow import make_folder as make
from tests.support.recovery_flow import run_with_recovery as run
from tests.support.recovery_flow import small_flow as flow

STEPS = {"login.read", "login.report", "login.write"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three files, with state of the flow."""
    make(tmp_path, 3)
    run(tmp_path, flow())
    return tmp_path


def refused(folder: Path, *, whole: bool = True) -> str:
    """See that a folder is refused with one line, and return it."""
    before = {path.name: path.read_bytes() for path in folder.glob("*.sqlite3")}
    with pytest.raises(SystemExit) as refusal:
        check_recovery_folder(folder, STEPS, whole=whole)
    assert {path.name: path.read_bytes() for path in folder.glob("*.sqlite3")} == before
    line = str(refusal.value)
    assert line.startswith(f"-r {folder}: ")
    assert "\n" not in line
    return line


def test_a_folder_that_fits_passes(folder: Path) -> None:
    """A complete folder of this flow is accepted, and the flow resumes from it."""
    check_recovery_folder(folder, STEPS, whole=True)
    run(folder, flow())


def test_a_new_folder_passes(tmp_path: Path) -> None:
    """A folder without any state yet is fine."""
    make(tmp_path, 1)
    check_recovery_folder(tmp_path, STEPS, whole=True)


def test_a_folder_in_use_passes(folder: Path) -> None:
    """Another process of the cluster may already write to it."""
    with closing(sqlite3.connect(folder / "part-1.sqlite3")) as store:
        store.execute("BEGIN IMMEDIATE")
        check_recovery_folder(folder, STEPS, whole=True)


def test_a_folder_whose_name_has_signs_of_an_address_passes(tmp_path: Path) -> None:
    """SQLite is given an address with options, which a name must not be taken for."""
    folder = tmp_path / "state #1?mode=rw%20"
    folder.mkdir()
    make(folder, 1)
    check_recovery_folder(folder, STEPS, whole=True)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """No file at all: the line has the command that makes it."""
    assert f"python -m bytewax.recovery {tmp_path} 1" in refused(tmp_path)


@pytest.mark.parametrize("size", [0, 5_000, 20_000])
def test_a_file_that_was_cut_off_is_refused(folder: Path, size: int) -> None:
    """A full disk or a copy that broke off leaves a shorter file."""
    os.truncate(folder / "part-1.sqlite3", size)
    assert "part-1.sqlite3 is damaged" in refused(folder)


@pytest.mark.parametrize("begin", [0, 4_096, 8_192])
def test_a_file_with_other_bytes_is_refused(folder: Path, begin: int) -> None:
    """Garbage at the front, or in a page behind."""
    with (folder / "part-1.sqlite3").open("r+b") as file:
        file.seek(begin)
        file.write(bytes(range(1, 256)) * 16)
    assert "part-1.sqlite3 is damaged" in refused(folder)


def test_something_else_under_a_files_name_is_refused(folder: Path) -> None:
    """A folder, for instance."""
    (folder / "part-1.sqlite3").unlink()
    (folder / "part-1.sqlite3").mkdir()
    with pytest.raises(SystemExit, match=r"part-1\.sqlite3 is damaged"):
        check_recovery_folder(folder, STEPS, whole=True)


def test_a_missing_file_is_refused(folder: Path) -> None:
    """The state of some partitions would be gone."""
    (folder / "part-1.sqlite3").unlink()
    assert "part-1.sqlite3 of 3 files is missing: put it back" in refused(folder)


def test_a_process_of_a_cluster_may_have_a_part_of_the_files(folder: Path) -> None:
    """The others are on other machines then."""
    (folder / "part-1.sqlite3").unlink()
    check_recovery_folder(folder, STEPS, whole=False)


def test_files_of_different_folders_are_refused(folder: Path, tmp_path: Path) -> None:
    """A file of another folder holds state of another time."""
    (tmp_path / "other").mkdir()
    make(tmp_path / "other", 1)
    (tmp_path / "other" / "part-0.sqlite3").rename(folder / "part-0.sqlite3")
    assert "of different folders (made for 1 and 3 files)" in refused(folder)


def test_a_file_that_is_there_twice_is_refused(folder: Path) -> None:
    """A copy under another name is taken for a further file by the engine."""
    (folder / "part-1.sqlite3").write_bytes((folder / "part-0.sqlite3").read_bytes())
    assert "of different folders" in refused(folder)


@pytest.mark.parametrize("name", [".", "part-1.sqlite3"])
def test_what_another_user_owns_is_refused(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine writes into the folder and its files; the line names the user it does that as."""
    monkeypatch.setattr(os, "access", lambda path, _mode: path != folder / name)
    assert f"give the folder and its files to user {os.geteuid()}" in refused(folder)


def test_a_folder_of_another_flow_is_refused(tmp_path: Path) -> None:
    """The engine would accept it, and silently start over."""
    make(tmp_path, 1)
    run(tmp_path, flow("orders"))
    assert "steps that this flow doesn't have (orders.read, orders.report)" in refused(tmp_path)


def test_a_folder_with_state_of_a_renamed_step_is_refused(tmp_path: Path) -> None:
    """The engine would drop that step's state without a word."""
    make(tmp_path, 1)
    run(tmp_path, flow(step="totals"))
    assert "steps that this flow doesn't have (login.totals)" in refused(tmp_path)


def change(folder: Path, statement: str) -> None:
    """Change all files of a folder behind the engine's back."""
    for path in folder.glob("part-*.sqlite3"):
        with closing(sqlite3.connect(path)) as store, store:
            store.execute(statement)


@pytest.mark.parametrize(
    "loss",
    [
        "DELETE FROM snaps WHERE step_id = 'login.read'",
        "UPDATE snaps SET ser_change = NULL WHERE step_id = 'login.read'",
        # Of a process that was ahead, and deleted what the last run would go on from.
        "UPDATE snaps SET snap_epoch = snap_epoch + 100 WHERE step_id = 'login.read'",
    ],
)
def test_state_without_the_offsets_that_belong_to_it_is_refused(folder: Path, loss: str) -> None:
    """The input would be read again on top of it, and counted twice."""
    change(folder, loss)
    line = refused(folder)
    assert "logins would be counted twice or not at all (it has state, but not the" in line
    assert "two processes have used it at once" in line
    assert "move the folder away and make a new one" in line


def test_a_partition_that_is_written_but_was_not_read_is_refused(folder: Path) -> None:
    """The offsets of some partitions may be lost, and those of others still there."""
    change(folder, "INSERT INTO snaps VALUES (datetime(), 'login.write', '00003', 1, x'00')")
    assert "(it has no input offsets for partitions 00003)" in refused(folder)


def test_a_commit_ahead_of_the_last_run_is_refused(folder: Path) -> None:
    """The engine ends with a traceback: another process's commit, or a file from another day."""
    change(folder, "UPDATE commits SET commit_epoch = commit_epoch + 100")
    assert "is committed, the last run is at" in refused(folder)


def test_state_of_partitions_that_the_input_lacks_is_refused(folder: Path) -> None:
    """The topic was recreated with fewer of them; the engine would end with a long traceback."""
    change(folder, "UPDATE snaps SET state_key = '00003' WHERE step_id = 'login.read'")
    with pytest.raises(SystemExit) as refusal:
        check_partitions(folder, "logins", 3)
    line = str(refusal.value)
    assert "state for input partitions 00003, but logins has only 3 partitions" in line
    assert "new KAFKA_GROUP_ID and a new recovery folder" in line
    assert "\n" not in line
    check_partitions(folder, "logins", 4)


def test_a_new_folder_has_state_of_no_partition(tmp_path: Path) -> None:
    """Nor has that of a process whose cluster keeps its state elsewhere."""
    check_partitions(tmp_path, "logins", 1)
    make(tmp_path, 1)
    check_partitions(tmp_path, "logins", 1)


def test_a_file_that_lacks_a_table_is_refused(folder: Path) -> None:
    """It is a database, but not of the engine."""
    change(folder, "DROP TABLE fronts")
    assert "one of its files is damaged (no such table: fronts)" in refused(folder)


def test_a_process_whose_cluster_keeps_its_state_elsewhere_may_have_none(tmp_path: Path) -> None:
    """All files of a cluster may be with another process; a folder that isn't there is wrong."""
    check_recovery_folder(tmp_path, STEPS, whole=False, empty=True)
    with pytest.raises(SystemExit, match="no recovery state in this folder"):
        check_recovery_folder(tmp_path, STEPS, whole=False)
    with pytest.raises(SystemExit, match="no recovery state in this folder"):
        check_recovery_folder(tmp_path / "nowhere", STEPS, whole=False, empty=True)


@pytest.mark.parametrize(
    ("begin", "reached", "left"),
    [
        (1, {}, [0]),
        (1, {0: 3, 1: 3}, [0, 1, 2]),
        (1, {0: 3}, [0]),  # the other worker has committed nothing
        (2, {0: 4, 1: 3}, [0, 1, 2]),
    ],
)
def test_snapshots_that_no_commit_covers_are_forgotten(
    tmp_path: Path, begin: int, reached: dict[int, int], left: list[int]
) -> None:
    """The least that a worker of the last run came to is what the engine begins with."""
    make(tmp_path, 2)
    with closing(sqlite3.connect(tmp_path / "part-0.sqlite3")) as store, store:
        store.execute("INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (6, 1, 0)")
        store.execute("INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (6, 0, 9)")
        store.execute(
            "INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (7, 2, ?)", (begin,)
        )
    with closing(sqlite3.connect(tmp_path / "part-1.sqlite3")) as store, store:
        store.executemany(
            "INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (7, ?, ?)",
            reached.items(),
        )
        store.executemany(
            "INSERT INTO snaps (step_id, state_key, snap_epoch) VALUES ('login.report', 'all', ?)",
            [(epoch,) for epoch in range(6)],
        )
    forget_uncommitted(tmp_path)
    with closing(sqlite3.connect(tmp_path / "part-1.sqlite3")) as store:
        assert [epoch for (epoch,) in store.execute("SELECT snap_epoch FROM snaps")] == left


def test_a_folder_that_lacks_a_file_keeps_all_snapshots(folder: Path) -> None:
    """The missing file may say what is committed."""
    (folder / "part-0.sqlite3").unlink()
    before = {path.name: path.read_bytes() for path in folder.glob("*.sqlite3")}
    forget_uncommitted(folder)
    assert {path.name: path.read_bytes() for path in folder.glob("*.sqlite3")} == before


def test_the_engine_goes_on_from_what_is_left(folder: Path) -> None:
    """Nothing that it needs is forgotten: every snapshot of a run that ended in order stays."""

    def snapshots() -> int:
        found = 0
        for path in folder.glob("*.sqlite3"):
            with closing(sqlite3.connect(path)) as store:
                found += store.execute("SELECT count(*) FROM snaps").fetchone()[0]
        return found

    before = snapshots()
    forget_uncommitted(folder)
    assert snapshots() == before > 0
    run(folder, flow())


def test_a_folder_that_can_not_be_written_to_is_told(folder: Path) -> None:
    """One line, whatever keeps it from being cleaned."""
    with closing(sqlite3.connect(folder / "part-0.sqlite3")) as store, store:
        store.execute("DROP TABLE fronts")
    with pytest.raises(
        SystemExit, match=r"no such table: fronts\): stop whatever .* free some disk"
    ):
        forget_uncommitted(folder)
