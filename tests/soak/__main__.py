"""The flow under steady load for a long time: `make soak MINUTES=60` does the same.

    python -m tests.soak --minutes 60 --folder DIR

Prints how fast memory grew in each life of the process, leaves samples (`soak.csv`) and a picture
(`soak.svg`) in the folder, and exits with 1 if anything grew that must not.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.judge import Limits, Sample, faults, lives, pooled, settled, warmed
from tests.soak.plot import picture
from tests.soak.run import SoakPlan, SoakResult, soak

__all__ = ["main", "report"]

LAG_SECONDS = 10.0  # of input: what a flow that keeps up may be behind after its warm-up


def main(arguments: list[str] | None = None) -> int:
    """Run a soak, report, and return 1 if something was broken."""
    options = _options().parse_args(arguments)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"samples, picture and logs in {folder}", flush=True)
    plan = SoakPlan(options.minutes * 60, options.rate, options.life, folder)
    limits = Limits(options.warm_up, options.max_growth, int(LAG_SECONDS * options.rate))
    result = soak(plan)
    title = f"{options.rate:g} logins per second; restarts: dashed"
    (folder / "soak.svg").write_text(picture(result.samples, result.restarts, title))
    print("\n".join(report(result.samples, limits)))
    broken = _broken(result, limits)
    print("\n".join(["BROKEN:", *broken]) if broken else "passed")
    return int(bool(broken))


def report(samples: list[Sample], limits: Limits) -> list[str]:
    """Return a line for each life of the flow's process, and one for all of them."""
    lines = [_line(number, life, limits) for number, life in enumerate(lives(samples))]
    growths = [one for life in lives(samples) if (one := settled(life, limits)) is not None]
    if growths:
        lines.append(f"all lives: memory {pooled(growths)}")
    return lines


def _line(number: int, life: list[Sample], limits: Limits) -> str:
    after = warmed(life, limits)
    if not after:
        return f"life {number}: {len(life)} samples, none after the warm-up"
    return (
        f"life {number}: {len(after)} samples after the warm-up; "
        f"memory {after[0].rss:.0f} to {after[-1].rss:.0f} MB, {settled(life, limits)}; "
        f"lag at most {max(sample.lag for sample in life):,}, "
        f"after the warm-up {max(sample.lag for sample in after):,}; "
        f"files {_range(after, 'files')}, threads {_range(after, 'threads')}"
    )


def _range(samples: list[Sample], name: str) -> str:
    counts = [getattr(sample, name) for sample in samples]
    return f"{min(counts)} to {max(counts)}"


def _broken(result: SoakResult, limits: Limits) -> list[str]:
    return [*result.faults, *faults(result.samples, limits)]


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="default: %(default)g")
    parser.add_argument("--rate", type=float, default=500.0, help="logins per second: %(default)g")
    parser.add_argument("--life", type=float, default=300.0, help="seconds to a restart: 300")
    parser.add_argument("--warm-up", type=float, default=90.0, help="seconds not judged: 90")
    parser.add_argument("--max-growth", type=float, default=30.0, help="MB an hour: 30")
    parser.add_argument("--folder", type=Path, help="a new one under /tmp by default")
    return parser


if __name__ == "__main__":
    sys.exit(main())
