"""`python -m dataflows.new_folder FOLDER`: create a recovery folder, unless it has state already.

Of two starts at the same time, one creates the file, and the other finds it complete.
"""

import os
import shutil
import sys
from pathlib import Path
from threading import Event

from bytewax.recovery import init_db_dir

from dataflows.folder_lock import Member, lock_recovery_folder, unusable

__all__ = ["make_recovery_folder"]


def make_recovery_folder(folder: Path) -> None:
    """Create the one file that the engine keeps its state in, if there is none yet.

    Raises:
        SystemExit: with one line: another process uses the folder, or it can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unusable(folder, error) from None
    os.close(lock_recovery_folder(folder, Member(), Event(), lambda: None, lambda: _fill(folder)))


def _fill(folder: Path) -> None:
    if list(folder.glob("part-*.sqlite3")):
        return
    unfinished = folder / "new"
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a start that was interrupted here
    unfinished.mkdir()
    init_db_dir(unfinished, 1)  # type: ignore[no-untyped-call]
    for file in unfinished.iterdir():
        file.rename(folder / file.name)
    unfinished.rmdir()


if __name__ == "__main__":
    make_recovery_folder(Path(sys.argv[1]))
