"""Snapshots that no commit covers, taken out of the recovery folder before the engine opens it.

The engine (bytewax 0.21.1) stores the snapshots of an epoch one by one, and commits the epoch when
all of them are there. What a killed process stored of an epoch that it never committed stays in the
folder. The next run begins with that same epoch and overwrites the snapshots of those keys that
something comes for in it; then it commits the epoch, with what is left of the earlier run. The run
after that would go on from a mixture: windows that hold logins which the input offsets say are
still to be read, and count them twice.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

__all__ = ["forget_uncommitted", "resume_epoch"]


def forget_uncommitted(folder: Path) -> None:
    """Delete the snapshots of epochs that were never committed; nothing would go on from them.

    A folder that lacks files is left as it is: which epochs are committed stands in all of them.

    Args:
        folder: as given with `-r`; locked, and its files can be read.

    Raises:
        SystemExit: with one line: it can't be written to.
    """
    with ExitStack() as stack:
        paths = sorted(folder.glob("part-*.sqlite3"))
        stores = [stack.enter_context(closing(sqlite3.connect(path))) for path in paths]
        try:
            epoch = resume_epoch(stores)
            for store in stores if epoch is not None else []:
                with store:
                    store.execute("DELETE FROM snaps WHERE snap_epoch >= ?", (epoch,))
        except sqlite3.Error as error:
            raise SystemExit(
                f"-r {folder}: uncommitted snapshots can't be deleted from it ({error}): stop "
                "whatever else has it open, free some disk space, or put a copy of the folder in "
                "its place"
            ) from None


def resume_epoch(stores: Sequence[sqlite3.Connection]) -> int | None:
    """Return the epoch that the engine will begin with: snapshots of earlier ones are committed.

    It is the least that a worker of the last run came to; one that committed nothing is where that
    run began. None before the first run, or if a file is missing: the epoch is unknown then.

    Args:
        stores: the files of a recovery folder.
    """
    if not _is_whole(stores):
        return None
    runs = [
        row
        for store in stores
        for row in store.execute("SELECT ex_num, worker_count, resume_epoch FROM exs")
    ]
    if not runs:
        return None
    last, workers, begin = max(runs)
    query = "SELECT worker_index, worker_frontier FROM fronts WHERE ex_num = ?"
    reached: dict[int, int] = dict.fromkeys(range(workers), begin)
    for worker, frontier in (row for store in stores for row in store.execute(query, (last,))):
        reached[worker] = max(reached[worker], frontier)
    return min(reached.values())


def _is_whole(stores: Sequence[sqlite3.Connection]) -> bool:
    counts = {
        count for store in stores for (count,) in store.execute("SELECT part_count FROM parts")
    }
    return counts == {len(stores)}
