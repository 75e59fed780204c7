"""How CPU a login grows with processes and with partitions.

python -m benchmarks.scale [--records N] [--rounds R]
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import results
from benchmarks.bench import Bench, local_bench
from benchmarks.compare import Comparison, compare
from benchmarks.contenders import OURS, Contender, ours
from benchmarks.feed import PARTITIONS
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
    shapes = [(ours(count), PARTITIONS) for count in PROCESSES]
    shapes += [(_on_partitions(count), count) for count in MORE_PARTITIONS]
    with local_bench(DATA) as bench:
        compared = _measure(bench, shapes, options.records, options.rounds)
    found = [one for part in compared for one in part.figures()]
    runs = [run for part in compared for run in part.all_runs()]
    skipped = {name: why for part in compared for name, why in part.skipped.items()}
    print(_report(found, {contender.name: contender.title for contender, _ in shapes}))
    print(f"skipped: {skipped}; raw figures: {results.write('scale', found, runs, skipped)}")


def _report(found: Sequence[Figures], titles: dict[str, str]) -> str:
    lines = [table(found, titles, None)]
    for one in found[1:]:
        growth = one.microseconds / found[0].microseconds - 1
        lines.append(f"{titles[one.name]}: {growth:+.0%} CPU a login")
    return "\n".join(lines)


def _on_partitions(count: int) -> Contender:
    return replace(OURS, name=f"{count}-partitions", title=f"1 process, {count} partitions")


def _measure(
    bench: Bench, shapes: Sequence[tuple[Contender, int]], records: int, rounds: int
) -> list[Comparison]:
    """Measure shapes of the flow, those on equally many partitions in turn."""
    compared = []
    for partitions in sorted({count for _, count in shapes}):
        contenders = [contender for contender, count in shapes if count == partitions]
        compared.append(compare(bench, contenders, records, rounds, _say, partitions))
    return compared


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
