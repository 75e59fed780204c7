"""What a soak's samples say: how fast memory grows, and whether anything else does."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, median, stdev

__all__ = ["Growth", "Limits", "Sample", "faults", "growth", "lives", "pooled", "settled", "warmed"]

HOUR = 3600.0
BLOCK_SECONDS = 10.0  # samples in a row aren't independent; means of ten seconds nearly are
LEAST_BLOCKS = 6  # for a slope whose error means anything
ERRORS_APART = 2.0  # a slope counts as above its limit if it is by this many standard errors


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the flow.

    Attributes:
        seconds: since the soak began.
        life: number of the flow's process, from 0.
        age: seconds since that process was started.
        rss: its resident memory in MB.
        lag: input records whose outputs aren't written yet.
        files: its open file descriptors.
        threads: its threads.
    """

    seconds: float
    life: int
    age: float
    rss: float
    lag: int
    files: int
    threads: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a soak may show and still pass.

    Attributes:
        warm_up: seconds of a life before anything is judged.
        rss_growth: MB an hour, over all lives.
        lag: input records, after the warm-up.
        handles: by how much open files, and threads, may grow within a life after the warm-up.
    """

    warm_up: float
    rss_growth: float
    lag: int
    handles: int = 2


@dataclass(frozen=True, slots=True)
class Growth:
    """A slope with its standard error, both by the hour."""

    slope: float
    error: float

    def __str__(self) -> str:
        return f"{self.slope:+.1f} +- {self.error:.1f} MB/hour"


def lives(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Return the samples of each process by themselves."""
    return [list(group) for _, group in groupby(samples, lambda sample: sample.life)]


def warmed(life: Iterable[Sample], limits: Limits) -> list[Sample]:
    """Return a life's samples after its warm-up."""
    return [sample for sample in life if sample.age >= limits.warm_up]


def growth(points: Sequence[tuple[float, float]]) -> Growth | None:
    """Fit a line by least squares; None if there is too little for an error to mean anything.

    Args:
        points: seconds and values, in order of time. Means over blocks of ten seconds are fitted.
    """
    blocks = [list(group) for _, group in groupby(points, lambda at: at[0] // BLOCK_SECONDS)]
    if len(blocks) < LEAST_BLOCKS:
        return None
    times = [fmean(at for at, _ in block) for block in blocks]
    values = [fmean(value for _, value in block) for block in blocks]
    middle, level = fmean(times), fmean(values)
    spread = sum((at - middle) ** 2 for at in times)
    pairs = list(zip(times, values, strict=True))
    slope = sum((at - middle) * (value - level) for at, value in pairs) / spread
    rest = sum((value - level - slope * (at - middle)) ** 2 for at, value in pairs)
    error = math.sqrt(rest / (len(pairs) - 2) / spread)
    return Growth(slope * HOUR, error * HOUR)


def pooled(growths: Sequence[Growth]) -> Growth:
    """Return the mean of slopes; its error also holds what they differ by from each other."""
    slopes = [one.slope for one in growths]
    own = math.sqrt(sum(one.error**2 for one in growths)) / len(growths)
    between = stdev(slopes) / math.sqrt(len(slopes)) if len(slopes) > 1 else 0.0
    return Growth(fmean(slopes), max(own, between))


def settled(life: Sequence[Sample], limits: Limits) -> Growth | None:
    """Return how fast a life's memory grew after its warm-up."""
    return growth([(sample.seconds, sample.rss) for sample in warmed(life, limits)])


def faults(samples: Iterable[Sample], limits: Limits) -> list[str]:
    """Return what was broken, a line each; nothing if all is well."""
    found: list[str] = []
    growths = []
    for number, life in enumerate(lives(samples)):
        after = warmed(life, limits)
        if (one := settled(life, limits)) is not None:
            growths.append(one)
        found += [f"life {number}: {fault}" for fault in _faults_of(after, limits)]
    if not growths:
        return [*found, "no process lived long enough after its warm-up to judge its memory"]
    whole = pooled(growths)
    if whole.slope - ERRORS_APART * whole.error > limits.rss_growth:
        found.append(f"memory grew by {whole}, over the limit of {limits.rss_growth:g} MB/hour")
    return found


def _faults_of(after: Sequence[Sample], limits: Limits) -> list[str]:
    if not after:
        return []
    found = []
    lag = max(sample.lag for sample in after)
    if lag > limits.lag:
        found.append(f"lag of {lag:,} records after the warm-up, over the limit of {limits.lag:,}")
    for name in ("files", "threads"):
        grown = _grown([getattr(sample, name) for sample in after])
        if grown > limits.handles:
            found.append(f"{grown:g} more {name} at its end than after its warm-up")
    return found


def _grown(counts: Sequence[int]) -> float:
    """Return by how much the last quarter's median is above the first quarter's."""
    quarter = max(1, len(counts) // 4)
    return median(counts[-quarter:]) - median(counts[:quarter])
