from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import bytewax.operators as op
import bytewax.recovery
import bytewax.testing
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink

from models import Insight, ProcessedLogin
from operators.batches import LoginBatch
from operators.event_time import Windowing
from operators.lateness import lateness
from operators.report import Report, late_tally, report, tally
from operators.summarise import summarise
from operators.windows import WindowConfig, windows
from tests.support.batches import at, login_batch, processed
from tests.support.refusal import RefusedError, refuse
from tests.support.window_oracle import WindowOracle, assert_same_windows

# The engine's Rust part has no types.
engine: Any = bytewax.testing
recovery: Any = bytewax.recovery

EVERY_BATCH = timedelta(0)  # an epoch a batch, so that each one is in a snapshot
PARTITIONS = 4
Batch = LoginBatch[ProcessedLogin]


class Input(FixedPartitionedSource[Batch, int]):
    """Partitions of logins, read in batches of a size of this run's own.

    Args:
        logins: by partition.
        size: of a batch.
        crash_after: how many batches of each partition are read before the process dies.
        read: where reading ends, as with STOP_AT_END; None for all.
    """

    def __init__(
        self,
        logins: dict[int, list[ProcessedLogin]],
        size: int,
        crash_after: int | None = None,
        read: int | None = None,
    ) -> None:
        self._logins = logins
        self._size = size
        self._crash_after = crash_after
        self._read = read

    def list_parts(self) -> list[str]:
        """Return each partition's number."""
        return [str(partition) for partition in self._logins]

    def build_part(self, _step_id: str, for_part: str, resume_state: int | None) -> "Partition":
        """Go on where the snapshot was."""
        logins = self._logins[int(for_part)][: self._read]
        return Partition(int(for_part), logins, self._size, resume_state or 0, self._crash_after)


class Partition(StatefulSourcePartition[Batch, int]):
    """One of them."""

    def __init__(
        self,
        number: int,
        logins: list[ProcessedLogin],
        size: int,
        begin: int,
        crash_after: int | None,
    ) -> None:
        self._number = number
        self._logins = logins
        self._size = size
        self._next = begin
        self._left = crash_after

    def next_batch(self) -> Iterator[Batch]:
        """Return the next batch, or die."""
        if self._left == 0:
            raise CrashError
        if self._left is not None:
            self._left -= 1
        batch = self._logins[self._next : self._next + self._size]
        if not batch:
            raise StopIteration
        self._next += len(batch)
        return iter([login_batch(batch, partition=self._number)])

    def snapshot(self) -> int:
        """Return the next login."""
        return self._next


class CrashError(Exception):
    """The process is killed."""


class Runs:
    """Runs the windows over an input again and again, with recovery.

    Attributes:
        insights: what all runs wrote, one behind the other: of equal keys the last counts.
        reports: what all runs reported.
        told: the lines for people.
    """

    def __init__(self, folder: Path, seconds: int = 60) -> None:
        folder.mkdir()
        recovery.init_db_dir(folder, 1)
        self._recovery = recovery.RecoveryConfig(str(folder))
        self.seconds = seconds
        self.insights: list[Insight] = []
        self.reports: list[tuple[str, Report]] = []
        self.told: list[str] = []

    def __call__(self, source: Input, *, workers: int = 1, at_end: bool = True) -> None:
        """Run to the input's end, or to its crash."""
        engine.cluster_main(
            self._flow(source, at_end=at_end),
            [],
            0,
            worker_count_per_proc=workers,
            epoch_interval=EVERY_BATCH,
            recovery_config=self._recovery,
        )

    def _flow(self, source: Input, *, at_end: bool) -> Dataflow:
        """Wired as in the login flow."""
        windowing = Windowing(self.seconds, 10)
        config = WindowConfig(windowing, PARTITIONS, 60, lambda: at_end, self.told.append, refuse)
        flow = Dataflow("windows")
        batches = op.input("batches", flow, source)
        summaries = op.map("summarise", batches, lambda batch: summarise(batch, windowing))
        judged = lateness("lateness", summaries, windowing, refuse)
        results = windows("windows", judged, config)
        insights = op.flat_map("insights", results, lambda results: results.insights)
        op.output("upsert", insights, TestingSink(self.insights))
        tallies = op.merge(
            "tallies", op.map("tally", judged, tally), op.map("late", results, late_tally)
        )
        op.output("print", report("report", tallies, 1_000_000, refuse), TestingSink(self.reports))
        return flow


@pytest.fixture
def logins() -> dict[int, list[ProcessedLogin]]:
    """Four partitions of 15,000 logins, ten a second, 2% of them up to 200 s late."""
    random = Random(4)  # noqa: S311 - test data
    return {partition: stream(random) for partition in range(PARTITIONS)}


def stream(random: Random) -> list[ProcessedLogin]:
    """One partition's logins."""
    logins = []
    for number in range(15_000):
        late = random.randint(0, 200) if random.random() < 0.02 else 0
        user = f"user {random.randint(0, 5_000)}"
        locale = random.choice(["NY", "CA", "DE"])
        logins.append(processed(1_720_000_000 + number // 10 - late, user, locale))
    return logins


def oracle_of(logins: dict[int, list[ProcessedLogin]], seconds: int = 60) -> WindowOracle:
    """What must come out."""
    oracle = WindowOracle(seconds, 10)
    for each in logins.values():
        oracle.read(each)
    return oracle


@pytest.mark.parametrize("workers", [1, 2])
def test_windows_equal_the_plain_computation_through_crashes_and_other_batch_sizes(
    logins: dict[int, list[ProcessedLogin]], workers: int, tmp_path: Path
) -> None:
    """And the report counts each login once, late or not."""
    runs = Runs(tmp_path / "recovery")
    for size, batches in ((700, 3), (90, 40), (1_111, 2)):
        with pytest.raises((CrashError, RuntimeError)):
            runs(Input(logins, size, crash_after=batches), workers=workers)
    runs(Input(logins, 400), workers=workers)
    oracle = oracle_of(logins)
    assert_same_windows(runs.insights, oracle)
    final = runs.reports[-1][1]
    assert (final.logins, final.late.count) == (60_000, len(oracle.late))


def test_back_fill_that_goes_on_writes_the_open_windows_whole(
    logins: dict[int, list[ProcessedLogin]], tmp_path: Path
) -> None:
    """First as not final; the later run replaces them."""
    runs = Runs(tmp_path / "recovery")
    runs(Input(logins, 400, read=7_000))
    half = oracle_of({partition: each[:7_000] for partition, each in logins.items()})
    assert_same_windows(runs.insights, half)
    kinds = [insight.final for insight in runs.insights]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {True, False}
    runs(Input(logins, 400))
    assert_same_windows(runs.insights, oracle_of(logins))


def test_restart_with_nothing_new_shows_the_open_windows_again(tmp_path: Path) -> None:
    """They come from the recovery store alone."""
    runs = Runs(tmp_path / "recovery")
    few = {0: at(1, 2, 3)}
    runs(Input(few, 2))
    runs(Input(few, 2))
    assert [(insight.logins, insight.final) for insight in runs.insights] == [(3, False)] * 2


def test_normal_stop_leaves_open_windows_to_the_next_run(tmp_path: Path) -> None:
    """Nothing is written of them, and nothing is lost."""
    runs = Runs(tmp_path / "recovery")
    few = {0: at(1, 2, 3)}
    runs(Input(few, 1, read=2), at_end=False)
    assert runs.insights == []
    runs(Input(few, 1))
    assert [insight.logins for insight in runs.insights] == [3]


def test_other_window_length_over_an_old_recovery_folder_is_refused(tmp_path: Path) -> None:
    """At the start, though there is no login left to read."""
    runs = Runs(tmp_path / "recovery")
    few = {0: at(1, 2, 3)}
    runs(Input(few, 1))
    runs.seconds = 30
    runs.insights.clear()
    with pytest.raises(RefusedError, match="WINDOW_SECONDS is 30"):
        runs(Input(few, 1))
    assert runs.insights == []
