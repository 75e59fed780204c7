from collections import Counter
from random import Random

import pytest

from operators.heavy_hitters import COUNTERS, MAX_SUBJECTS, SHARDS, HeavyHitters
from operators.profiles import NetworkProfile

FLOOD = 60_000


def watched(subjects: list[str], restarts: int = 0) -> HeavyHitters[NetworkProfile]:
    """Return counters of subjects, saved and restored now and then."""
    watch = HeavyHitters(NetworkProfile)
    points = set(Random(restarts).sample(range(len(subjects)), restarts))  # noqa: S311
    for place, subject in enumerate(subjects):
        profile = watch.note(subject)
        had = profile.sketches
        names = profile.add("u", room=place % 3 > 0)
        watch.keep(names, sketches=profile.sketches - had)
        if place in points:
            again = HeavyHitters(NetworkProfile)
            again.restore(watch.to_state())
            watch = again
    return watch


def counts(watch: HeavyHitters[NetworkProfile]) -> dict[str, int]:
    """Return each subject's count."""
    return {subject: count for subject, count, _ in watch.items()}


@pytest.fixture(scope="module")
def flood() -> list[str]:
    """Far more subjects than are counted exactly, most of them once, and a few often."""
    random = Random(2)  # noqa: S311 - test data
    subjects = [f"n{number}" for number in range(FLOOD)]
    subjects += [f"often{number}" for number in range(5) for _ in range(200)]
    random.shuffle(subjects)
    return subjects


def test_counts_are_exact_as_long_as_all_subjects_fit() -> None:
    """Nothing is dropped below 768 subjects per shard."""
    random = Random(1)  # noqa: S311 - test data
    subjects = [f"n{int(8_000 * random.random() ** 2)}" for _ in range(30_000)]
    assert counts(watched(subjects)) == Counter(subjects)


def test_frequent_subjects_outlive_a_flood(flood: list[str]) -> None:
    """Their counts are right except for the sketch's error, and memory is bounded."""
    watch = watched(flood)
    found = counts(watch)
    error = 0.0035 * len(flood) / SHARDS * 1.5  # shards aren't of quite the same size
    for number in range(5):
        assert 200 - error <= found[f"often{number}"] <= 200
    assert len(found) <= SHARDS * COUNTERS
    assert all(len(known) <= MAX_SUBJECTS for _, known in watch.to_state())


@pytest.mark.parametrize("restarts", [0, 5])
def test_what_is_kept_is_counted_as_it_comes_and_goes(flood: list[str], restarts: int) -> None:
    """What dropped subjects had no longer counts, in one run or in several."""
    watch = watched(flood, restarts)
    kept = [seen for _, known in watch.to_state() for seen in known.values()]
    assert watch.subjects == len(kept)
    assert watch.names == sum(seen.names for seen in kept)
    assert watch.sketches == sum(seen.sketches for seen in kept) > 0


def test_it_reports_when_subjects_had_to_be_left_out(flood: list[str]) -> None:
    """Also after a restart, and not while all of them fit."""
    assert watched(flood, restarts=1).left_out()
    assert not watched(flood[:10_000], restarts=1).left_out()


def test_saving_changes_nothing_that_comes_after(flood: list[str]) -> None:
    """What is dropped doesn't depend on where a snapshot was taken."""
    assert counts(watched(flood, restarts=5)) == counts(watched(flood))
