"""How many windows are open at most, and what becomes of the oldest beyond that."""

from collections.abc import Iterator

import pytest

from operators import fold as windowed_fold
from operators.batches import Reason
from operators.enrich import iso_time
from tests.support.window_fold import IDLE, Fold

MINUTE = 60
WINDOW_BYTES = 2_000  # of one with a few logins: see LoginStats.memory
WEEK_OF_MINUTES = 7 * 24 * 60


@pytest.fixture
def fifty_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have some fifty windows with a login each take too much, and forty-five little enough."""
    monkeypatch.setattr(windowed_fold, "MAX_BYTES", 50 * WINDOW_BYTES)
    monkeypatch.setattr(windowed_fold, "TARGET_BYTES", 45 * WINDOW_BYTES)


def minutes(fold: Fold, partition: int, begin: int, end: int) -> Iterator[tuple[str, bool]]:
    """Give a login a minute, each in a batch of its own, and return the windows that closed."""
    for minute in range(begin, end):
        for insight in fold(partition, minute * MINUTE).insights:
            yield insight.window_start, insight.final


def starts(begin: int, end: int) -> list[tuple[str, bool]]:
    """Return final windows."""
    return [(iso_time(minute * MINUTE), True) for minute in range(begin, end)]


@pytest.mark.usefixtures("fifty_windows")
def test_partition_whose_clock_stands_still_holds_no_more_windows_than_fit() -> None:
    """The oldest ones close in their order, each once, and the line names it and its time."""
    fold = Fold()
    fold(1, 30)
    closed = []
    for minute in range(500):
        closed += [one.window_start for one in fold(0, minute * MINUTE).insights]
        fold(1, 30)
        assert len(fold.end()) <= 51
    assert closed == [iso_time(minute * MINUTE) for minute in range(len(closed))]
    assert len(closed) >= 500 - 51
    assert "partition 1 (newest login 1970-01-01T00:00:30Z);" in fold.told[0]
    assert "up to 1970-01-01T00:0" in fold.told[0]
    assert "partition 0" not in fold.told[0]
    assert len(fold.told) < len(closed) / 5


@pytest.mark.usefixtures("fifty_windows")
def test_logins_of_windows_that_were_closed_early_are_late_and_the_others_count() -> None:
    """A closed window is never written again, and the partition's later windows are kept."""
    fold = Fold()
    fold(1, 30)
    assert list(minutes(fold, 0, 0, 60)) == starts(0, 12)
    assert fold(1, 40, 50).late == 2
    again = Fold(state=fold.state())
    assert again(1, 55).late == 1
    assert again(1, 59 * MINUTE).late == 0
    shown = {insight.window_start: insight.logins for insight in again.end()}
    assert shown[iso_time(59 * MINUTE)] == 2


@pytest.mark.usefixtures("fifty_windows")
def test_the_same_windows_are_closed_early_after_restarts() -> None:
    """It depends on what was folded, and on nothing that a restart forgets."""
    straight, restarted = Fold(), Fold()
    closed: tuple[list[str], list[str]] = ([], [])
    for minute in range(200):
        for fold, found in zip((straight, restarted), closed, strict=True):
            for partition in (0, 1):
                results = fold(partition, minute * MINUTE if partition == 0 else 30)
                found += [insight.window_start for insight in results.insights]
        restarted = Fold(state=restarted.state())
    assert closed[0] == closed[1] != []


@pytest.mark.usefixtures("fifty_windows")
def test_line_names_the_partitions_furthest_behind_first_and_counts_the_rest() -> None:
    """One without a login is furthest; idle ones hold nothing."""
    fold = Fold(partitions=7)
    fold(6, coverage=IDLE)
    for partition, newest in ((1, 50), (2, 40), (3, 60), (4, 70)):
        fold(partition, newest)
    fold.give(fold.summary(5, [], Reason.NOT_JSON))
    list(minutes(fold, 0, 0, 60))
    assert (
        "waiting for partition 5 (no login yet), partition 2 (newest login 1970-01-01T00:00:40Z), "
        "partition 1 (newest login 1970-01-01T00:00:50Z) and 2 more;"
    ) in fold.told[0]
    assert "WINDOW_SECONDS" in fold.told[0]


def test_partition_a_week_ahead_of_another_closes_nothing_early() -> None:
    """A backfill reads them at different speeds, and every login counts."""
    fold = Fold()
    assert list(minutes(fold, 0, 0, WEEK_OF_MINUTES)) == []
    closed = list(minutes(fold, 1, 0, WEEK_OF_MINUTES))
    assert closed == starts(0, WEEK_OF_MINUTES - 2)
    assert not any("closed early" in line for line in fold.told)


def test_many_open_windows_are_told_of_with_what_they_wait_for_each_time_they_double() -> None:
    """A stopped clock is reported long before memory is short; and again, once it is."""
    fold = Fold()
    fold(1, 30)
    list(minutes(fold, 0, 0, 2_100))
    line = (
        " windows are open: they are written once newer logins arrive in partition 1 "
        "(newest login 1970-01-01T00:00:30Z)"
    )
    assert fold.told == [f"{count}{line}" for count in ("500", "1,000", "2,000")]
    list(minutes(fold, 1, 2_099, 2_100))
    list(minutes(fold, 0, 2_100, 2_600))
    assert len(fold.told) == 4
    assert fold.told[-1].startswith("500 windows")


def test_few_open_windows_are_not_told_of() -> None:
    """Not even when they were many before, as long as they don't double."""
    fold = Fold()
    fold(1, 30)
    list(minutes(fold, 0, 0, 600))
    fold(1, 300 * MINUTE)
    list(minutes(fold, 0, 600, 900))
    assert len(fold.told) == 1


def test_a_few_windows_stay_open_whatever_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the moment, in a flow whose windows are large."""
    monkeypatch.setattr(windowed_fold, "MAX_BYTES", 1)
    monkeypatch.setattr(windowed_fold, "TARGET_BYTES", 1)
    fold = Fold()
    assert list(minutes(fold, 0, 0, windowed_fold.MIN_OPEN_WINDOWS)) == []
    assert list(minutes(fold, 0, 10, 12)) == starts(0, 2)
