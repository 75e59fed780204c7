"""All that the flows use of bytewax 0.21.1 beyond its public interface; no other module may.

- `run._parse_args()` parses the command line and environment of `python -m bytewax.run`.
- A `Dataflow` and its operators list their operators in `substeps`, each with a `step_id`.
- Each recovery file (`part-N.sqlite3`) has the tables `parts` (which file it is, and of how many),
  `exs` (each run, with the epoch it began with and its number of workers), `fronts` (which epoch
  each worker of a run has reached), `commits` (committed epochs) and `snaps` (state by step, key
  and epoch; no `ser_change` means that the key's state was discarded).

`tests/unit/test_engine_internals.py` fails when a new version of bytewax changes any of this.
"""

import sqlite3
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from bytewax import run
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource
from bytewax.outputs import FixedPartitionedSink

__all__ = [
    "committed_epochs",
    "delete_snapshots",
    "file_number",
    "parse_command_line",
    "resume_epoch",
    "resumed_state",
    "stateful_steps",
    "steps_in_file",
]

RESUMED = """
    SELECT step_id, state_key FROM snaps
    JOIN (SELECT step_id, state_key, max(snap_epoch) AS snap_epoch FROM snaps
          WHERE snap_epoch < ? GROUP BY step_id, state_key)
    USING (step_id, state_key, snap_epoch)
    WHERE ser_change NOT NULL
"""


def parse_command_line() -> Namespace:
    """Return the engine's options as `python -m bytewax.run` parses them."""
    arguments: Namespace = run._parse_args()  # type: ignore[no-untyped-call]
    return arguments


def stateful_steps(flow: Dataflow) -> frozenset[str]:
    """Return the ids of the steps whose state is in the recovery folder."""
    return frozenset(step.step_id for step in _operators(flow) if _keeps_state(step))


def _operators(parent: Any) -> Iterator[Any]:
    for operator in parent.substeps:
        yield operator
        yield from _operators(operator)


def _keeps_state(operator: Any) -> bool:
    """Tell by the engine's core operators, which all others are made of."""
    match type(operator).__name__:
        case "stateful_batch":
            return True
        case "input":
            return isinstance(operator.source, FixedPartitionedSource)
        case "output":
            return isinstance(operator.sink, FixedPartitionedSink)
    return False


def file_number(file: sqlite3.Connection) -> tuple[int, int]:
    """Return which recovery file this is, from 0 on, and of how many.

    Raises:
        ValueError: its table doesn't have exactly one row.
    """
    [(index, count)] = file.execute("SELECT part_index, part_count FROM parts")
    return index, count


def steps_in_file(file: sqlite3.Connection) -> frozenset[str]:
    """Return the ids of the steps that a recovery file has state of."""
    found = file.execute("SELECT DISTINCT step_id FROM snaps WHERE ser_change NOT NULL")
    return frozenset(step for (step,) in found)


def resume_epoch(files: Sequence[sqlite3.Connection]) -> int | None:
    """Return the epoch that the engine will resume with: snapshots of earlier ones are committed.

    It is the lowest epoch that a worker of the last run reached; a worker that committed nothing is
    still where that run began. None before the first run, or if a file is missing, since the epoch
    is then unknown.

    Args:
        files: the recovery files of a folder.
    """
    if {count for file in files for (count,) in file.execute("SELECT part_count FROM parts")} != {
        len(files)
    }:
        return None
    runs = _rows(files, "SELECT ex_num, worker_count, resume_epoch FROM exs")
    if not runs:
        return None
    last, workers, begin = max(runs)
    reached: dict[int, int] = dict.fromkeys(range(workers), begin)
    query = "SELECT worker_index, worker_frontier FROM fronts WHERE ex_num = ?"
    for worker, frontier in _rows(files, query, last):
        reached[worker] = max(reached[worker], frontier)
    return min(reached.values())


def committed_epochs(files: Sequence[sqlite3.Connection]) -> list[int]:
    """Return the epochs that the files say are committed."""
    return [epoch for (epoch,) in _rows(files, "SELECT commit_epoch FROM commits")]


def resumed_state(files: Sequence[sqlite3.Connection], epoch: int | None) -> set[tuple[str, str]]:
    """Return step and key of all state that the engine resumes with at this epoch."""
    return set(_rows(files, RESUMED, epoch))


def delete_snapshots(file: sqlite3.Connection, epoch: int) -> None:
    """Delete a recovery file's snapshots of this epoch and later ones."""
    with file:
        file.execute("DELETE FROM snaps WHERE snap_epoch >= ?", (epoch,))


def _rows(files: Sequence[sqlite3.Connection], query: str, *values: object) -> list[Any]:
    return [row for file in files for row in file.execute(query, values)]
