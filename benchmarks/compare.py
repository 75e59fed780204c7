"""A whole bench: starts first, then rounds of all contenders in turn, then the figures."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.bench import START_LOGINS, Bench, Run
from benchmarks.check import WrongOutputError
from benchmarks.contenders import Contender
from benchmarks.feed import Feed
from benchmarks.measure import CommandFailedError
from benchmarks.table import Figures, figures

__all__ = ["Comparison", "compare"]


@dataclass
class Comparison:
    """What came of it.

    Attributes:
        starts: the runs on next to no input, by the contender's name.
        runs: the runs on the whole input, by its name.
        skipped: why a contender has no figures, by its name.
    """

    starts: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    runs: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    skipped: dict[str, str] = field(default_factory=dict)

    def figures(self) -> list[Figures]:
        """Return the figures of each contender that was not skipped."""
        names = [name for name in self.runs if name not in self.skipped]
        return [figures(self.runs[name], self.starts[name]) for name in names]

    def all_runs(self) -> list[Run]:
        """Return every run whose output was right."""
        return [run for runs in (*self.starts.values(), *self.runs.values()) for run in runs]


def compare(
    bench: Bench,
    contenders: Sequence[Contender],
    records: int,
    rounds: int,
    say: Callable[[str], object],
) -> Comparison:
    """Run contenders in turn, several times: what disturbs the machine disturbs them alike.

    Args:
        bench: where to run.
        contenders: who; one that is missing or fails is skipped, with a word.
        records: logins of the input.
        rounds: how often each one is run.
        say: takes lines of progress.
    """
    found = Comparison()
    for contender in contenders:
        if reason := contender.missing():
            found.skipped[contender.name] = reason
            say(f"{contender.name}: skipped: {reason}")
    inputs = {
        partitions: [bench.feed(count, partitions) for count in (START_LOGINS, records)]
        for partitions in sorted({contender.partitions for contender in contenders})
    }
    for number in range(rounds):
        for contender in contenders:
            start, whole = inputs[contender.partitions]
            for feed, runs in ((start, found.starts), (whole, found.runs)):
                if contender.name not in found.skipped:
                    say(f"round {number + 1}: {_run(bench, contender, feed, found, runs)}")
    return found


def _run(
    bench: Bench, contender: Contender, feed: Feed, found: Comparison, runs: dict[str, list[Run]]
) -> str:
    """Run a contender once, note what came of it, and return that as a line."""
    try:
        run = bench.run(contender, feed)
    except (CommandFailedError, WrongOutputError) as error:
        found.skipped[contender.name] = f"failed: {error}"
        return f"{contender.name}: failed: {error}"
    runs[contender.name].append(run)
    usage = run.usage
    return (
        f"{contender.name}: {run.records:,} logins: {usage.cpu:.2f} s of CPU in {usage.wall:.1f} s"
    )
