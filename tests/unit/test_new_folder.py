"""Recovery folders made for a first start."""

import os
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from dataflows import new_folder
from dataflows.new_folder import make_recovery_folder
from dataflows.recovery_folder import check_recovery_folder
from file_lock import try_lock


def test_a_folder_is_made_with_one_file(tmp_path: Path) -> None:
    """The flow can use it, and the next process can lock it."""
    folder = tmp_path / "not" / "there"
    make_recovery_folder(folder)
    assert [path.name for path in folder.iterdir()] == ["part-0.sqlite3"]
    make_recovery_folder(folder)
    check_recovery_folder(folder, frozenset(), whole=True)


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    """One line, where something else has its name, or a part of its path isn't a folder."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "state"):
        with pytest.raises(SystemExit, match=r"it can't be used \(.*\): it must be a folder"):
            make_recovery_folder(folder)


def test_a_start_that_is_broken_off_leaves_nothing_that_looks_like_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that may not be whole never has the name under which the flow looks for it."""

    def broken_off(folder: Path, count: int) -> None:
        init_db_dir(folder, count)  # type: ignore[no-untyped-call]
        raise KeyboardInterrupt

    monkeypatch.setattr(new_folder, "init_db_dir", broken_off)
    with pytest.raises(KeyboardInterrupt):
        make_recovery_folder(tmp_path)
    assert not list(tmp_path.glob("part-*"))


def test_what_a_start_that_was_broken_off_has_left_is_made_again(tmp_path: Path) -> None:
    """The next start isn't stopped by it."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "part-0.sqlite3").write_bytes(b"unfinished")
    make_recovery_folder(tmp_path)
    check_recovery_folder(tmp_path, frozenset(), whole=True)
    assert not (tmp_path / "new").exists()


def test_of_two_starts_at_once_one_makes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one waits for it, and so never puts its own file in the place of one in use."""
    monkeypatch.setattr("dataflows.folder_lock.PREDECESSOR_SECONDS", 0.0)
    other = os.open(tmp_path, os.O_RDONLY)
    assert try_lock(other)
    with pytest.raises(SystemExit, match="another process is using this recovery folder"):
        make_recovery_folder(tmp_path)
    assert not list(tmp_path.iterdir())
    os.close(other)
    make_recovery_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["part-0.sqlite3"]
