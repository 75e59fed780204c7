"""The floor and this project, in under two minutes: `make bench-quick`.

    python -m benchmarks.quick

Prints how many times the floor's CPU per login takes. That ratio changes with the machine and with
what else runs on it, so nothing fails by it: `tests/cost` counts instructions instead.
"""

from pathlib import Path

from benchmarks.bench import Bench, local_bench
from benchmarks.compare import compare
from benchmarks.contenders import FLOOR, OURS
from benchmarks.table import lowest_ratio, table

__all__ = ["quick"]

DATA = Path(".local/benchmarks-quick")
RECORDS = 300_000
ROUNDS = 3


def main() -> None:
    """Measure and print."""
    with local_bench(DATA) as bench:
        print(f"{quick(bench):.2f} times the floor")


def quick(bench: Bench, records: int = RECORDS, rounds: int = ROUNDS) -> float:
    """Return how many times the floor's CPU per login takes, by the lowest run of each.

    Raises:
        RuntimeError: one of the two failed; the text says how.
    """
    contenders = [FLOOR, OURS]
    found = compare(bench, contenders, records, rounds, _say)
    if found.skipped:
        raise RuntimeError(str(found.skipped))
    floor, ours = found.figures()
    _say(table([floor, ours], {one.name: one.title for one in contenders}, floor))
    return lowest_ratio(ours, floor)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
