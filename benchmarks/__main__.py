"""`python -m benchmarks`: contenders side by side, on a Kafka of their own.

python -m benchmarks [--records N] [--rounds R] [--only NAME ...]

Prints a table, and writes the raw figures and a picture to benchmarks/results/. Compared is CPU
time, which holds on a busy machine where seconds don't; logins per second want an idle one.
"""

import argparse
import sys
from pathlib import Path

from benchmarks import results
from benchmarks.bench import local_bench
from benchmarks.chart import Bar, picture
from benchmarks.compare import Comparison, compare
from benchmarks.contenders import CONTENDERS, FLOOR, Contender
from benchmarks.table import Figures, ratio, table

DATA = Path(".local/benchmarks")


def main(arguments: list[str] | None = None) -> int:
    """Compare, and return 1 if a contender failed."""
    options = _options().parse_args(arguments)
    chosen = [one for one in CONTENDERS if one.name in (options.only or [one.name])]
    with local_bench(DATA) as bench:
        found = compare(bench, chosen, options.records, options.rounds, _say)
    print(_report(found, chosen))
    if found.figures():
        file = results.write(options.name, found.figures(), found.all_runs(), found.skipped)
        file.with_suffix(".svg").write_text(_picture(found, chosen, options.records))
        print(f"\nraw figures and picture: {file.with_suffix('')}.*")
    return int(any(reason.startswith("failed") for reason in found.skipped.values()))


def _report(found: Comparison, chosen: list[Contender]) -> str:
    skipped = [f"{name}: {reason}" for name, reason in found.skipped.items()]
    titles = {one.name: one.title for one in chosen}
    return "\n".join(["", table(found.figures(), titles, _floor(found)), *skipped])


def _floor(found: Comparison) -> Figures | None:
    return next((one for one in found.figures() if one.name == FLOOR.name), None)


def _picture(found: Comparison, chosen: list[Contender], records: int) -> str:
    titles, floor = {one.name: one.title for one in chosen}, _floor(found)
    bars = [
        Bar(
            title=titles[one.name],
            value=one.microseconds,
            lowest=one.lowest,
            highest=one.highest,
            label=f"{one.microseconds:.1f}" + (f"  ({ratio(one, floor):.1f} x)" if floor else ""),
            ours=one.name.startswith("ours"),
        )
        for one in sorted(found.figures(), key=lambda one: one.microseconds)
    ]
    return picture(f"microseconds of CPU per login, {records:,} logins (and times the floor)", bars)


def _options() -> argparse.ArgumentParser:
    names = [one.name for one in CONTENDERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--records", type=int, default=4_000_000, help="logins: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each: %(default)s")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--name", default="bench", help="of the results' files: %(default)s")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
