"""Removes uncommitted snapshots from the recovery folder before the engine opens it.

The engine (bytewax 0.21.1) stores the snapshots of an epoch one by one, and commits the epoch when
all of them are stored. What a killed process stored of an epoch that it never committed stays in
the folder. The next run begins with that same epoch and overwrites the snapshots of keys that
receive something in it; then it commits the epoch, including leftovers of the earlier run. The run
after that would resume from a mixture: windows with logins that are still to be read according to
the input offsets, and so are counted twice.
"""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

from dataflows.engine_internals import delete_snapshots, resume_epoch

__all__ = ["forget_uncommitted"]


def forget_uncommitted(folder: Path) -> None:
    """Delete the snapshots of epochs that were never committed; no run would resume from them.

    A folder with missing files is left unchanged: only all of them together say what is committed.

    Args:
        folder: as given with `-r`; locked, with readable files.

    Raises:
        SystemExit: with one line: it can't be written to.
    """
    with ExitStack() as stack:
        paths = sorted(folder.glob("part-*.sqlite3"))
        files = [stack.enter_context(closing(sqlite3.connect(path))) for path in paths]
        try:
            if (epoch := resume_epoch(files)) is not None:
                for file in files:
                    delete_snapshots(file, epoch)
        except sqlite3.Error as error:
            raise SystemExit(
                f"-r {folder}: uncommitted snapshots can't be deleted from it ({error}): stop "
                "whatever else has it open, free some disk space, or put a copy of the folder in "
                "its place"
            ) from None
