"""A few seeds of the crash driver, and proof that it finds what a wrong design loses or repeats."""

from dataclasses import replace
from pathlib import Path

import pytest

from local_kafka import LocalKafka
from tests.crash.run import Outcome, SeedRun
from tests.crash.schedule import REAL_SECONDS, Fault, Schedule, make_schedule
from tests.crash.subjects import LOGIN, SECURITY, Subject

RECORDS = 6_000
# A zombie sleeps past its transaction time-out, so that is shorter than the real one; but so long
# that a busy machine stays below it where nothing sleeps.
ZOMBIE_SECONDS = 20


@pytest.mark.parametrize(
    ("seed", "kinds", "timeout"),
    [
        (1, ("point:first-snapshot", "kill-one", "point:committed"), REAL_SECONDS),
        (2, ("point:produced", "broker-kill", "drain"), REAL_SECONDS),
        (3, ("point:init", "zombie", "two-on-one-folder"), ZOMBIE_SECONDS),
    ],
)
def test_each_login_and_window_once_through_all_faults(
    breakable: LocalKafka, tmp_path: Path, seed: int, kinds: tuple[str, ...], timeout: int
) -> None:
    """Whatever is killed, stopped or replaced: nothing is lost, nothing is there twice."""
    schedule = replace(make_schedule(seed, len(kinds), only=kinds), timeout=timeout)
    outcome = run(breakable, tmp_path, schedule)
    assert not outcome.failed(), (outcome.faults, outcome.audit.faults)
    assert outcome.audit.checked == RECORDS
    assert outcome.audit.twice == 0
    assert outcome.audit.windows > 1


def test_at_least_once_loses_nothing_and_counts_what_is_twice(
    breakable: LocalKafka, tmp_path: Path
) -> None:
    """Without transactions a kill between outputs and progress repeats a batch, and loses none."""
    schedule = make_schedule(4, 2, only=["point:acknowledged"], once=False)
    settings = {"DELIVERY_GUARANTEE": "at_least_once"}
    outcome = run(breakable, tmp_path, schedule, settings=settings)
    assert not outcome.failed(twice_allowed=True), (outcome.faults, outcome.audit.faults)
    assert outcome.reached["acknowledged"] >= 1
    assert outcome.audit.lost == 0
    assert outcome.audit.twice > 0


def test_each_alert_once_through_kills_of_the_security_flow(
    breakable: LocalKafka, tmp_path: Path
) -> None:
    """Killed between alerts and snapshot and elsewhere: no alert is lost, changed or made up."""
    kinds = ("point:insights", "kill-all", "point:committed", "zombie")
    schedule = replace(make_schedule(6, len(kinds), only=kinds), timeout=ZOMBIE_SECONDS)
    outcome = run(breakable, tmp_path, schedule, subject=SECURITY)
    assert not outcome.failed(), (outcome.faults, outcome.audit.faults)
    assert outcome.audit.checked == RECORDS
    assert outcome.audit.twice == 0
    assert outcome.audit.alerts > 4


def test_at_least_once_the_alerts_are_the_same(breakable: LocalKafka, tmp_path: Path) -> None:
    """What is written again replaces itself; dead letters may be there twice, none is lost."""
    schedule = make_schedule(6, 3, only=["point:acknowledged", "kill-all"], once=False)
    settings = {"DELIVERY_GUARANTEE": "at_least_once"}
    outcome = run(breakable, tmp_path, schedule, settings=settings, subject=SECURITY)
    assert not outcome.failed(twice_allowed=True), (outcome.faults, outcome.audit.faults)
    assert outcome.reached["acknowledged"] >= 1
    assert outcome.audit.lost == 0
    assert outcome.audit.alerts > 4


def test_the_driver_reports_alerts_that_a_naive_design_loses(
    breakable: LocalKafka, tmp_path: Path
) -> None:
    """Without the open windows in its snapshots, a killed flow forgets what it had counted."""
    schedule = Schedule(5, 1, 50, REAL_SECONDS, (Fault("kill-all", 1, 2.0),) * 3)
    entry = "tests.crash.naive_short_alerts"
    outcome = run(breakable, tmp_path, schedule, entry, subject=SECURITY)
    assert outcome.audit.lost > 0


@pytest.mark.parametrize("design", ["no_filter", "progress_after", "stock_sink"])
def test_the_driver_reports_what_a_naive_design_writes_twice(
    breakable: LocalKafka, tmp_path: Path, design: str
) -> None:
    """Killed between commit and snapshot, each of these writes a batch again."""
    outcome = run(breakable, tmp_path, killed_at("committed"), f"tests.crash.naive_{design}")
    assert outcome.reached["committed"] >= 1
    assert outcome.audit.twice > 0


def test_the_driver_reports_what_a_naive_design_loses(
    breakable: LocalKafka, tmp_path: Path
) -> None:
    """Killed between its progress and its outputs, a flow that writes progress first loses them."""
    outcome = run(breakable, tmp_path, killed_at("produced"), "tests.crash.naive_progress_before")
    assert outcome.reached["produced"] >= 1
    assert outcome.failed()
    assert outcome.audit.lost > 0


def test_the_driver_reports_two_processes_on_one_folder(
    breakable: LocalKafka, tmp_path: Path
) -> None:
    """Without a lock the second copy takes the place of the first one."""
    schedule = Schedule(5, 1, 50, REAL_SECONDS, (Fault("two-on-one-folder", 1, 0.0),))
    outcome = run(breakable, tmp_path, schedule, "tests.crash.naive_no_lock")
    assert any("the second copy took the folder" in fault for fault in outcome.faults)


def test_a_seed_replays_its_schedule() -> None:
    """The same seed gives the same faults at the same delays; another one gives others."""
    assert make_schedule(7, 6) == make_schedule(7, 6)
    assert make_schedule(7, 6).faults != make_schedule(8, 6).faults


def killed_at(point: str) -> Schedule:
    """One process that writes small batches, so that it has to come to the point."""
    return Schedule(5, 1, 50, REAL_SECONDS, (Fault(f"point:{point}", 1, 0.0),))


def run(
    broker: LocalKafka,
    folder: Path,
    schedule: Schedule,
    entry: str | None = None,
    settings: dict[str, str] | None = None,
    subject: Subject = LOGIN,
) -> Outcome:
    """Run a schedule with few records."""
    return SeedRun(broker, folder / "seed", schedule, RECORDS, subject, settings, entry).run()
