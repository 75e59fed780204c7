"""Crash tests by seed: `python -m tests.crash --seeds 30`; `make crash SEEDS=30` does the same."""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from local_kafka import LocalKafka
from tests.crash.points import POINTS
from tests.crash.run import BROKER_PROPERTIES, Outcome, SeedRun
from tests.crash.schedule import IDLE_SECONDS, KINDS, PARTITIONS, RECREATE, make_schedule
from tests.crash.subjects import LOGIN, SECURITY

__all__ = ["line", "main"]


def main(arguments: list[str] | None = None) -> int:
    """Run seeds, print a line for each and a summary; return 1 if a guarantee was broken."""
    options = _options().parse_args(arguments)
    folder = Path(options.folder or tempfile.mkdtemp(prefix="crash-"))
    print(f"logs and state in {folder}", flush=True)
    outcomes = []
    with LocalKafka(folder / "kafka", properties=BROKER_PROPERTIES) as broker:
        for seed in range(options.seed, options.seed + options.seeds):
            outcome = _run(broker, folder, seed, options)
            outcomes.append(outcome)
            print(line(outcome), flush=True)
            for fault in (*outcome.faults, *outcome.audit.faults):
                print(f"    {fault}", flush=True)
            if broker.ended():
                broker.start()
    print(_summary(outcomes, twice_allowed=options.at_least_once))
    return int(any(one.failed(twice_allowed=options.at_least_once) for one in outcomes))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--faults", type=int, default=6, help="of a seed")
    parser.add_argument("--records", type=int, default=20_000, help="of a seed")
    parser.add_argument("--partitions", type=int, default=PARTITIONS, help="of the input")
    parser.add_argument("--idle", type=int, default=IDLE_SECONDS, help="seconds until idle: off")
    parser.add_argument("--only", nargs="*", default=[], metavar="KIND", help=_kinds())
    parser.add_argument("--long", action="store_true", help="the real transaction time-out: slow")
    parser.add_argument("--at-least-once", action="store_true", help="repeats are only counted")
    parser.add_argument("--security", action="store_true", help="the security flow instead")
    parser.add_argument("--entry", help="the module to run instead of the flow's own")
    parser.add_argument("--folder", help="for logs and state; a new one under /tmp")
    return parser


def _kinds() -> str:
    return (
        f"faults to draw from: {', '.join(KINDS)}, {RECREATE}, "
        f"point:NAME with NAME of {', '.join(POINTS)}"
    )


def _run(broker: LocalKafka, folder: Path, seed: int, options: argparse.Namespace) -> Outcome:
    schedule = make_schedule(
        seed,
        options.faults,
        only=options.only,
        long=options.long,
        once=not options.at_least_once,
        input_changes=not options.security,
    )
    delivery = "at_least_once" if options.at_least_once else "exactly_once"
    run = SeedRun(
        broker,
        folder / f"seed{seed}",
        replace(schedule, partitions=options.partitions, idle_seconds=options.idle),
        options.records,
        SECURITY if options.security else LOGIN,
        {"DELIVERY_GUARANTEE": delivery},
        options.entry,
    )
    try:
        return run.run()
    except (AssertionError, TimeoutError) as error:
        return Outcome(schedule, faults=[str(error)])


def line(outcome: Outcome) -> str:
    """Return a seed's line."""
    schedule, audit = outcome.schedule, outcome.audit
    faults = " ".join([*map(str, schedule.faults), *[RECREATE] * schedule.recreate_input])
    return (
        f"seed {schedule.seed}: {schedule.processes} processes, batches of {schedule.batch_size}; "
        f"{faults}; {audit.checked:,} records, {audit.windows} windows and {audit.alerts} alerts "
        f"checked, {audit.lost} lost, {audit.twice} twice, {len(outcome.faults)} other; "
        f"{outcome.restarts} starts, longest stall {outcome.stall:.1f} s, {outcome.seconds:.0f} s"
    )


def _summary(outcomes: list[Outcome], *, twice_allowed: bool) -> str:
    failed = [one.schedule.seed for one in outcomes if one.failed(twice_allowed=twice_allowed)]
    kinds = Counter(fault.kind for one in outcomes for fault in one.schedule.faults)
    kinds[RECREATE] = sum(one.schedule.recreate_input for one in outcomes)
    reached: Counter[str] = sum((one.reached for one in outcomes), Counter())
    return "\n".join(
        (
            f"{len(outcomes)} seeds, {sum(one.audit.checked for one in outcomes):,} records, "
            f"{sum(one.audit.windows for one in outcomes)} windows, "
            f"{sum(one.audit.alerts for one in outcomes)} alerts: "
            f"{sum(one.audit.lost for one in outcomes)} lost, "
            f"{sum(one.audit.twice for one in outcomes)} twice, "
            f"{sum(len(one.faults) for one in outcomes)} other faults, "
            f"longest stall {max(one.stall for one in outcomes):.1f} s",
            f"injected: {_counts(kinds.items())}",
            f"points reached: {_counts(reached.items())}",
            f"FAILED: seeds {failed}" if failed else "passed",
        )
    )


def _counts(items: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(items)) or "none"


if __name__ == "__main__":
    sys.exit(main())
