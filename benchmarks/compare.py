"""A whole bench: starts first, then rounds of all contenders in turn, then the figures."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.bench import START_LOGINS, Bench, Run
from benchmarks.check import WrongOutputError
from benchmarks.contenders import Contender
from benchmarks.feed import Feed
from benchmarks.measure import CommandFailedError
from benchmarks.table import MICROSECONDS, Figures, figures

__all__ = ["Comparison", "compare"]


@dataclass
class Comparison:
    """What came of it.

    Attributes:
        starts: each contender's run on next to no input, by its name.
        runs: the runs on the whole input, by its name.
        skipped: why a contender has no figures, by its name.
    """

    starts: dict[str, Run] = field(default_factory=dict)
    runs: defaultdict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    skipped: dict[str, str] = field(default_factory=dict)

    def figures(self) -> list[Figures]:
        """Return the figures of each contender that was not skipped."""
        names = [name for name in self.starts if name not in self.skipped]
        return [figures(self.runs[name], self.starts[name]) for name in names]

    def all_runs(self) -> list[Run]:
        """Return every run whose output was right."""
        return [*self.starts.values(), *(run for runs in self.runs.values() for run in runs)]


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
    start, whole = bench.feed(START_LOGINS), bench.feed(records)
    for number, feed in enumerate([start] + rounds * [whole]):
        for contender in contenders:
            if contender.name not in found.skipped:
                _run(
                    bench, contender, feed, found, lambda line, n=number: say(f"round {n}: {line}")
                )
    return found


def _run(
    bench: Bench,
    contender: Contender,
    feed: Feed,
    found: Comparison,
    say: Callable[[str], object],
) -> None:
    try:
        run = bench.run(contender, feed)
    except (CommandFailedError, WrongOutputError) as error:
        found.skipped[contender.name] = f"failed: {error}"
        say(f"{contender.name}: failed: {error}")
        return
    if contender.name in found.starts:
        found.runs[contender.name].append(run)
    else:
        found.starts[contender.name] = run
    cpu = run.usage.cpu
    say(f"{contender.name}: {cpu:.2f} s of CPU, {cpu / run.records * MICROSECONDS:.2f} us a login")
