"""How CPU a login grows with processes and with partitions.

python -m benchmarks.scale [--records N] [--rounds R]
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import results
from benchmarks.bench import Bench, Run, local_bench
from benchmarks.compare import compare
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
        found, runs = _measure(bench, shapes, options.records, options.rounds)
    titles = {contender.name: contender.title for contender, _ in shapes}
    print(table(found, titles, None))
    for one in found[1:]:
        growth = one.microseconds / found[0].microseconds - 1
        print(f"{titles[one.name]}: {growth:+.0%} CPU a login")
    print(f"raw figures: {results.write('scale', found, runs, {})}")


def _on_partitions(count: int) -> Contender:
    return replace(OURS, name=f"{count}-partitions", title=f"1 process, {count} partitions")


def _measure(
    bench: Bench, shapes: Sequence[tuple[Contender, int]], records: int, rounds: int
) -> tuple[list[Figures], list[Run]]:
    """Measure shapes of the flow, those on equally many partitions in turn."""
    found: list[Figures] = []
    runs: list[Run] = []
    for partitions in sorted({count for _, count in shapes}):
        contenders = [contender for contender, count in shapes if count == partitions]
        compared = compare(bench, contenders, records, rounds, _say, partitions)
        if compared.skipped:
            raise RuntimeError(str(compared.skipped))
        found += compared.figures()
        runs += compared.all_runs()
    return found, runs


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
