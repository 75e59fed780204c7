"""How CPU per login grows with processes and with partitions.

python -m benchmarks.scale [--records N] [--rounds R]
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import results
from benchmarks.bench import local_bench
from benchmarks.compare import compare
from benchmarks.contenders import OURS, Contender, ours
from benchmarks.table import Figures, table

__all__ = ["main"]

DATA = Path(".local/benchmarks-scale")
PROCESSES = (1, 2, 4)
MORE_PARTITIONS = (16, 64)


def main() -> None:
    """Measure, print, and write the raw figures to benchmarks/results/."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--records", type=int, default=1_000_000, help="logins: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each: %(default)s")
    options = parser.parse_args()
    shapes = [*map(ours, PROCESSES), *map(_on_partitions, MORE_PARTITIONS)]
    with local_bench(DATA) as bench:
        found = compare(bench, shapes, options.records, options.rounds, _say)
    print(_report(found.figures(), {contender.name: contender.title for contender in shapes}))
    file = results.write("scale", found.figures(), found.all_runs(), found.skipped)
    print(f"skipped: {found.skipped}; raw figures: {file}")


def _report(found: Sequence[Figures], titles: dict[str, str]) -> str:
    lines = [table(found, titles, None)]
    for one in found[1:]:
        growth = one.microseconds / found[0].microseconds - 1
        lines.append(f"{titles[one.name]}: {growth:+.0%} CPU per login")
    return "\n".join(lines)


def _on_partitions(count: int) -> Contender:
    title = f"1 process, {count} partitions"
    return replace(OURS, name=f"{count}-partitions", title=title, partitions=count)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
