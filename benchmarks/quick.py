"""The floor and this project, in under two minutes: `make bench-quick`.

    python -m benchmarks.quick [--record]

Prints how many times the floor's CPU a login takes, and ends with status 1 if that is more than
1.25 times what `gate.json` says was reached. `--record` writes there what it measured.
"""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.bench import Bench, local_bench
from benchmarks.compare import compare
from benchmarks.contenders import FLOOR, OURS
from benchmarks.table import lowest_ratio, table

__all__ = ["limit", "main", "quick"]

DATA = Path(".local/benchmarks-quick")
GATE = Path(__file__).with_name("gate.json")
SLACK = 1.25  # ratios of CPU time differ by a tenth from run to run on a busy machine
RECORDS = 300_000
ROUNDS = 3


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and compare with what was reached before; 1 if it got worse."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quick")
    parser.add_argument("--record", action="store_true", help="keep what is measured as the gate")
    options = parser.parse_args(arguments)
    with local_bench(DATA) as bench:
        found = quick(bench)
    if options.record:
        GATE.write_text(json.dumps({"times_the_floor": round(found, 2)}) + "\n")
    highest = limit()
    print(f"{found:.2f} times the floor; at most {highest:.2f} is allowed")
    return int(found > highest)


def limit() -> float:
    """Return the highest ratio that is no step back."""
    reached: float = json.loads(GATE.read_text())["times_the_floor"]
    return reached * SLACK


def quick(bench: Bench, records: int = RECORDS, rounds: int = ROUNDS) -> float:
    """Return how many times the floor's CPU a login takes, by the lowest run of each.

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
    sys.exit(main())
