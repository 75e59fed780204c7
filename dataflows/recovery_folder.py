"""Checks the recovery folder before the engine opens it.

For files that it can't use, the engine prints pages of traceback; state of steps that the flow
doesn't have is dropped silently.
"""

import os
import sqlite3
from collections.abc import Iterable, Sequence, Set
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from dataflows.engine_internals import (
    committed_epochs,
    file_number,
    resume_epoch,
    resumed_state,
    steps_in_file,
)
from records import partition_name

__all__ = ["check_partitions", "check_recovery_folder", "require_recovery_files"]

NEW_FOLDER = (
    "move the folder away and make a new one (python -m bytewax.recovery {folder} 1): the "
    "state is then rebuilt from the input, and no output is written twice"
)

READ, WRITE = ".read", ".write"  # steps of every flow that keep state for each input partition


class _File(NamedTuple):
    """A recovery file: its number, of how many, and the steps that it has state of."""

    number: int
    of: int
    steps: frozenset[str]


def require_recovery_files(folder: Path, *, empty: bool = False) -> list[Path]:
    """Return the folder's files; refuse a folder that has none, or doesn't exist.

    Args:
        folder: as given with `-r`.
        empty: whether the folder may be empty: in a cluster another process can have the state.

    Raises:
        SystemExit: with one line that says what to do.
    """
    paths = sorted(folder.glob("part-*.sqlite3"))
    if not paths and not (empty and folder.is_dir()):
        raise SystemExit(
            f"-r {folder}: there is no recovery state in this folder; make it once with "
            f"python -m bytewax.recovery {folder} 1"
        )
    return paths


def check_recovery_folder(
    folder: Path, steps: Set[str], *, whole: bool, empty: bool = False
) -> None:
    """Refuse a recovery folder that the flow can't resume from. Nothing in it is changed.

    Args:
        folder: as given with `-r`.
        steps: ids of the flow's stateful steps.
        whole: whether all of the state must be here; each process of a cluster may have a part of
            it in its own folder.
        empty: as for require_recovery_files.

    Raises:
        SystemExit: with one line that says what is wrong and what to do.
    """
    paths = require_recovery_files(folder, empty=empty)
    if not paths:
        return
    files = [_read(folder, path) for path in paths]
    _check_files(folder, files, whole=whole)
    _check_steps(folder, frozenset().union(*(file.steps for file in files)), steps)
    with ExitStack() as stack:
        stores = _open_all(paths, stack)
        try:
            _check_epochs(folder, stores)
        except sqlite3.Error as error:
            raise _damaged(folder, "one of its files", str(error)) from None


def check_partitions(folder: Path, topic: str, partitions: int) -> None:
    """Refuse state of partitions that the input doesn't have: the engine would print a traceback.

    Args:
        folder: as given with `-r`; already checked otherwise.
        topic: the input topic.
        partitions: how many it has.

    Raises:
        SystemExit: with one line that says what is wrong and what to do.
    """
    with ExitStack() as stack:
        stores = _open_all(folder.glob("part-*.sqlite3"), stack)
        state = resumed_state(stores, resume_epoch(stores))
    known = {partition_name(partition) for partition in range(partitions)}
    if gone := sorted({key for step, key in state if step.endswith(READ)} - known):
        raise SystemExit(
            f"-r {folder}: it has state for input partitions {', '.join(gone)}, but {topic} has "
            f"only {partitions} partitions: the topic was recreated, or INPUT_TOPIC has changed; "
            "start with a new KAFKA_GROUP_ID and a new recovery folder"
        )


def _read(folder: Path, path: Path) -> _File:
    """Read one file, opened read-only."""
    if not os.access(folder, os.W_OK) or not os.access(path, os.R_OK | os.W_OK):
        raise SystemExit(
            f"-r {folder}: this user may not write to {path.name}: give the folder and its files "
            f"to user {os.geteuid()}"
        )
    try:
        with closing(_open(path)) as store:
            [verdict] = store.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise _damaged(folder, path.name, verdict.splitlines()[-1])
            return _File(*file_number(store), steps_in_file(store))
    except (sqlite3.Error, ValueError) as error:
        raise _damaged(folder, path.name, str(error)) from None


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _open_all(paths: Iterable[Path], stack: ExitStack) -> list[sqlite3.Connection]:
    return [stack.enter_context(closing(_open(path))) for path in paths]


def _damaged(folder: Path, what: str, why: str) -> SystemExit:
    return SystemExit(
        f"-r {folder}: {what} is damaged ({why}): put a copy of the folder in its place, or "
        + NEW_FOLDER.format(folder=folder)
    )


def _check_files(folder: Path, files: list[_File], *, whole: bool) -> None:
    """Refuse files from different folders, and a folder with a missing file."""
    counts = sorted({file.of for file in files})
    numbers = {file.number for file in files}
    if len(counts) > 1 or len(numbers) < len(files):
        raise SystemExit(
            f"-r {folder}: its files are of different folders (made for "
            f"{' and '.join(map(str, counts))} files): put the right ones in it, or "
            + NEW_FOLDER.format(folder=folder)
        )
    missing = sorted(set(range(counts[0])) - numbers)
    if whole and missing:
        names = ", ".join(f"part-{index}.sqlite3" for index in missing)
        raise SystemExit(
            f"-r {folder}: {names} of {counts[0]} files is missing: put it back, or "
            + NEW_FOLDER.format(folder=folder)
        )


def _check_steps(folder: Path, found: Set[str], known: Set[str]) -> None:
    if foreign := sorted(found - known):
        raise SystemExit(
            f"-r {folder}: it holds state of steps that this flow doesn't have "
            f"({', '.join(foreign)}), which would be lost: it is of another flow, or of another "
            f"version of this one; use the right one, or {NEW_FOLDER.format(folder=folder)}"
        )


def _check_epochs(folder: Path, stores: Sequence[sqlite3.Connection]) -> None:
    """Refuse files whose last run is inconsistent with what is committed in them.

    Two processes that use a folder at once cause this: the one that is an epoch ahead deletes the
    snapshots that the other would resume from.
    """
    epoch = resume_epoch(stores)
    if epoch is None:
        return
    committed = max(committed_epochs(stores), default=0)
    if committed > epoch:
        raise _mixed_up(folder, f"epoch {committed} is committed, the last run is at {epoch}")
    state = resumed_state(stores, epoch)
    read = {key for step, key in state if step.endswith(READ)}
    written = {key for step, key in state if step.endswith(WRITE)}
    if state and not read:
        raise _mixed_up(folder, "it has state, but not the input offsets that belong to it")
    if unknown := sorted(written - read):
        raise _mixed_up(folder, f"it has no input offsets for partitions {', '.join(unknown)}")


def _mixed_up(folder: Path, why: str) -> SystemExit:
    return SystemExit(
        f"-r {folder}: logins would be counted twice or not at all ({why}): two processes have "
        f"used it at once, or its files were copied at different times; "
        + NEW_FOLDER.format(folder=folder)
    )
