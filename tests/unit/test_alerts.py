"""The security flow's operators together: the same alerts however the input is cut and mixed."""

import pickle
import re
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dataflows.security import thresholds
from models import Alert, ProcessedLogin
from operators import fold as windowed_fold
from operators.alert_log import LEFT_OUT, WindowLog
from operators.alerts import LARGEST_PART_BYTES, Findings, WindowFindings, alert_key, alert_records
from operators.bursts import HISTORY
from operators.detectors import Span, Thresholds
from operators.event_time import Windowing
from operators.heavy_hitters import MAX_NAMES
from operators.late_watch import LateWatch
from operators.login_columns import LoginColumns
from operators.names import kept_name
from operators.state import StateFormatError
from settings import Settings
from tests.support.alert_figures import long_names
from tests.support.alert_oracle import AlertOracle
from tests.support.alert_run import AlertRun, run_all
from tests.support.attacks import (
    ATTACKED,
    START,
    by_user,
    distributed,
    login,
    normal,
    spray,
    travel,
    volley,
)
from tests.support.flow import PROJECT

LOW = Thresholds(network_users=3, user_networks=3, user_locales=2, burst_logins=3, burst_factor=1.5)
DEFAULTS = thresholds(Settings())
ALERTS_DOC = PROJECT / "docs/alerts.md"
WINDOW = 300
RATE = 50  # of the generator, if nobody says otherwise
PARTITIONS = 4

some_logins = st.builds(
    login,
    timestamp=st.integers(START, START + 8 * WINDOW),
    user=st.sampled_from([f"user{number}" for number in range(5)]),
    network=st.sampled_from([None, *(f"192.0.{number}.0" for number in range(5))]),
    locale=st.sampled_from(["NY", "FR", "unknown"]),
)
partitions = st.lists(st.lists(some_logins, max_size=60), min_size=1, max_size=3)


def plain(parts: list[list[ProcessedLogin]], limits: Thresholds) -> dict[str, Alert]:
    """Compute the expected alerts in the simplest way."""
    oracle = AlertOracle(limits)
    for logins in parts:
        oracle.read(logins)
    return oracle.alerts()


@given(partitions, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_batch_cuts_interleaving_and_restarts_change_no_alert(
    parts: list[list[ProcessedLogin]], random: Random
) -> None:
    """And what comes out equals the plain computation, evidence and all."""
    run = run_all(
        parts,
        LOW,
        size=lambda: random.randint(1, 20),
        turn=random.choice,
        restart=lambda: random.random() < 0.1,
    )
    wanted = plain(parts, LOW)
    found = run.by_key()
    assert {key: msgspec.structs.replace(alert, final=True) for key, alert in found.items()} == {
        key: msgspec.structs.replace(alert, final=True) for key, alert in wanted.items()
    }
    if all(parts):  # else one partition was never heard, and nothing closes
        assert found == wanted


def test_alerts_of_more_subjects_than_fit_are_the_same_on_a_replay() -> None:
    """What the sketches drop doesn't depend on batch cuts, interleaving and restarts, either."""
    random = Random(3)  # noqa: S311 - test data
    flood = [
        login(START + number // 150, f"user{number}", f"n{number}") for number in range(45_000)
    ]
    parts = by_user([*flood, *spray(START, users=60), *travel(START, ("NY", "FR", "DE"))], 2)
    runs = [
        run_all(parts, DEFAULTS, size=lambda: 5_000, turn=min),
        run_all(
            parts,
            DEFAULTS,
            size=lambda: random.randint(500, 3_000),
            turn=random.choice,
            restart=lambda: random.random() < 0.1,
        ),
    ]
    first, other = (run.by_key() for run in runs)
    assert first == other
    assert {alert.kind for alert in first.values()} == {"password_spray", "many_locales"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_normal_logins_give_no_alert(seed: int) -> None:
    """Two hours of the generator's logins, at the rate of `make run`."""
    parts = by_user(normal(7_200, RATE, seed), PARTITIONS)
    assert run_all(parts, DEFAULTS, size=lambda: 2_000, turn=min).alerts == []


@pytest.mark.parametrize("seed", range(5))
def test_planted_attacks_are_found_and_nothing_else(seed: int) -> None:
    """An attack of each kind, at its threshold, among normal logins."""
    attacks = [
        *spray(START + 4 * WINDOW, users=50),
        *distributed(START + 5 * WINDOW, networks=12),
        *travel(START + 5 * WINDOW, ("NY", "TX", "FR")),
        *volley(START + 6 * WINDOW, count=200),
    ]
    parts = by_user([*normal(2_400, RATE, seed), *attacks], PARTITIONS)
    found = run_all(parts, DEFAULTS, size=lambda: 500, turn=min).alerts
    assert {(alert.kind, alert.subject) for alert in found} == set(ATTACKED.items())
    assert len(found) == len(ATTACKED)


def test_attacks_below_the_thresholds_give_no_alert() -> None:
    """One user, network, locale and login fewer for each."""
    attacks = [
        *spray(START + 4 * WINDOW, users=49),
        *distributed(START + 5 * WINDOW, networks=11),
        *travel(START + 5 * WINDOW, ("NY", "TX")),
        *volley(START + 6 * WINDOW, count=199),
        *(login(START + WINDOW * number, "clock", "192.0.2.0") for number in range(8)),
    ]
    assert run_all([attacks], DEFAULTS, size=lambda: 10, turn=min).alerts == []


def test_names_without_room_are_the_same_ones_on_a_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where batches are cut and snapshots taken decides nothing."""
    monkeypatch.setattr("operators.heavy_hitters.MAX_NAMES", 700)
    random = Random(4)  # noqa: S311 - test data
    some = [
        login(START + number // 10, f"u{random.randrange(300)}", f"n{random.randrange(40)}", place)
        for number in range(3_000)
        for place in (random.choice(("NY", "FR", "DE")),)
    ]
    runs = [
        run_all(by_user(some, 2), LOW, lambda: 3_000, min),
        run_all(by_user(some, 2), LOW, lambda: random.randint(1, 200), random.choice, lambda: True),
    ]
    first, other = (run.by_key() for run in runs)
    assert first == other
    monkeypatch.undo()
    assert first != run_all(by_user(some, 2), LOW, lambda: 3_000, min).by_key()


@pytest.mark.parametrize(("most_names", "left_out"), [(61, False), (60, True)])
def test_window_with_more_names_than_are_kept_is_reported(
    monkeypatch: pytest.MonkeyPatch, most_names: int, *, left_out: bool
) -> None:
    """By a line, so that its alerts aren't taken to be complete."""
    monkeypatch.setattr("operators.heavy_hitters.MAX_NAMES", most_names)
    run = AlertRun(1, DEFAULTS)
    run.read(0, spray(START, users=30))
    [found], _ = run._findings.on_eof()
    with capture_logs() as lines:
        WindowLog(LateWatch(print, "")).count(found)
    assert [line["event"] for line in lines] == ["windows checked", *[LEFT_OUT] * left_out]


def test_long_names_become_digests_and_different_ones_stay_different() -> None:
    """For users and places, and in the key."""
    user, places = "u" * 1_000, [f"{number:0500}" for number in range(2)]
    run = run_all([[login(START, user, None, place) for place in places * 3]], LOW, lambda: 4, min)
    [(key, alert)] = run.by_key().items()
    assert (alert.kind, alert.subject, alert.count) == ("many_locales", kept_name(user), 2)
    assert alert.sample == tuple(sorted(map(kept_name, places)))
    assert key == f"many_locales/{kept_name(user)}/2024-07-03T09:50:00Z"


def test_window_s_state_is_bounded_as_the_documentation_says() -> None:
    """However long names are, with as many users and networks as are kept at a time."""
    stated = re.search(r"at most (\d+) MB of a snapshot", ALERTS_DOC.read_text())
    assert stated
    run, sizes = AlertRun(1, DEFAULTS), []
    for numbers in (range(80_000), range(80_000, 120_000)):
        for first in numbers[::2_000]:
            run.read(0, [long_names(number) for number in range(first, first + 2_000)])
        sizes.append(len(pickle.dumps(run.snapshot())))
    assert sizes[0] > 5_000_000, "not enough to prove anything"
    assert sizes[1] < 1.2 * sizes[0]
    assert max(sizes) <= int(stated[1]) * 1_000_000


def test_late_logins_are_in_no_alert_but_reported() -> None:
    """As many as there are."""
    run = AlertRun(1, LOW)
    run.read(0, [login(START + 361, "early", None)])
    run.read(0, spray(START, users=5))
    assert run.late == 0
    run.read(0, [login(START + 800, "later", None)])
    assert (run.alerts, run.late) == ([], 5)


def test_many_late_logins_are_reported_with_the_setting_s_name() -> None:
    """Once their windows are checked, including logins that are in no window."""
    told: list[str] = []
    window = WindowFindings(Span(START, START + WINDOW, final=True), 250, (), {})
    late_watch = LateWatch(told.append, "ALERT_LATENESS_SECONDS=60")
    WindowLog(late_watch).count(Findings((window,), 50))
    [line] = told
    assert line.startswith("50 of the last 300 logins came too late")
    assert "ALERT_LATENESS_SECONDS=60" in line


def test_end_shows_open_windows_and_a_later_run_replaces_them() -> None:
    """By the same key."""
    run = AlertRun(1, LOW)
    run.read(0, spray(START, users=3))
    run.end()
    run.restart()
    run.read(0, [login(START + 130, "one more", ATTACKED["password_spray"])])
    run.read(0, [login(START + 360, "later", None)])
    assert [(alert.count, alert.final) for alert in run.alerts] == [(3, False), (4, True)]
    assert len(run.by_key()) == 1


def test_windows_that_are_emitted_early_count_once_for_the_usual() -> None:
    """A backfill's end doesn't make them part of what is usual."""
    network = "192.0.2.0"
    run = AlertRun(1, LOW)
    for number in range(HISTORY):
        run.read(0, [login(START + number * WINDOW, "u", network)])
        run.end()
        run.read(0, [login(START + number * WINDOW, "u", network)])
    run.read(0, [login(START + HISTORY * WINDOW, "u", network)] * 3)
    run.end()
    assert [(alert.kind, alert.usual) for alert in run.alerts] == [("network_burst", 2.0)]


def test_other_window_length_over_old_state_is_refused() -> None:
    """With the settings' names in the line."""
    run = AlertRun(1, LOW)
    run.read(0, spray(START, users=3))
    other = AlertRun(1, LOW, Windowing(seconds=60, lateness=60))
    with pytest.raises(StateFormatError, match="the recovery folder holds open windows of 300"):
        type(other._findings)(other._config, LOW, run._findings.snapshot())


def test_windows_that_take_too_much_memory_are_closed_early(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The oldest first, whatever partition holds them open, and the line has the settings' name."""
    monkeypatch.setattr(windowed_fold, "MAX_BYTES", 300_000)
    monkeypatch.setattr(windowed_fold, "TARGET_BYTES", 250_000)
    run = AlertRun(2, LOW)
    run.read(1, [login(START, "somebody", None)])
    for number in range(20):
        run.read(0, spray(START + number * WINDOW, users=3))
    assert [alert.final for alert in run.alerts] == [True] * len(run.alerts)
    assert 0 < len(run.by_key()) <= 20 - windowed_fold.MIN_OPEN_WINDOWS
    assert "partition 1 (newest login" in capsys.readouterr().out


def test_partition_hours_behind_a_busy_one_closes_nothing_early(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Many logins of few users take little: after an outage, they are all checked."""
    random, busy, hours = Random(5), 10, 6  # noqa: S311 - test data
    run = AlertRun(2, DEFAULTS)
    run.read(1, [login(START, "somebody", None)])
    for begin in range(START, START + hours * 3_600, WINDOW):
        users = enumerate(random.choices(range(500), k=busy * WINDOW))
        run.read(
            0, [login(begin + n // busy, f"u{user}", f"10.{user % 200}.0.0") for n, user in users]
        )
    assert "closed early" not in capsys.readouterr().out
    run.read(1, spray(START + WINDOW, users=60))
    run.read(1, [login(START + hours * 3_600, "somebody", None)])
    assert [alert.kind for alert in run.alerts if alert.final] == ["password_spray"]
    assert run.late == 0


def test_flood_of_new_users_and_networks_closes_windows_early(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each login of it takes a kilobyte; in a tenth of the memory, so that it is soon too much."""
    most = windowed_fold.MAX_BYTES // 10
    monkeypatch.setattr(windowed_fold, "MAX_BYTES", most)
    monkeypatch.setattr(windowed_fold, "TARGET_BYTES", most * 9 // 10)
    run, kilobyte = AlertRun(2, DEFAULTS), 1_000
    run.read(1, [login(START, "somebody", None)])
    for begin in range(START, START + 30 * WINDOW, WINDOW):
        run.read(0, [login(begin, f"{begin}-{n:021}", f"{begin}::{n}") for n in range(1_000)])
        open_windows = run._findings._open
        assert sum(window.logins for window in open_windows.values()) * kilobyte <= most
    assert "closed early" in capsys.readouterr().out


def test_estimated_memory_of_a_window_is_bounded_per_partition() -> None:
    """What a part's sketches drop takes no memory, however many logins there are."""
    window = AlertRun(1, LOW)._findings._window(None)
    names = [f"{number}" for number in range(60_000)]
    flood = LoginColumns([name for name in names for _ in range(2)], names * 2, names * 2)
    window.add(0, flood)
    one_part = window.memory()
    assert 10_000_000 < one_part <= LARGEST_PART_BYTES
    window.add(0, flood)
    assert window.memory() <= LARGEST_PART_BYTES
    before = window.memory()
    window.add(1, flood)
    assert window.memory() == before + one_part


@pytest.mark.parametrize(("most_names", "count"), [(MAX_NAMES, 52_000), (700, 6_000)])
def test_estimated_memory_depends_on_each_partition_s_logins_only(
    monkeypatch: pytest.MonkeyPatch, most_names: int, count: int
) -> None:
    """Not on batch cuts, interleaving or restarts: it decides which windows close early."""
    monkeypatch.setattr("operators.heavy_hitters.MAX_NAMES", most_names)
    random, empty = Random(6), AlertRun(1, LOW)._findings._window  # noqa: S311 - test data
    users = [f"u{random.randrange(200) if number % 2 else number}" for number in range(count)]
    networks = [f"n{random.randrange(5) if number % 2 else number}" for number in range(count)]
    places = [random.choice(("NY", "FR", None)) for _ in range(count)]
    whole, cut = empty(None), empty(None)
    for partition in (0, 1):
        whole.add(partition, LoginColumns(users, networks, places))
    for first in range(0, count, cut_size := count // 4 - 7):
        some = slice(first, first + cut_size)
        for partition in (1, 0):
            cut.add(partition, LoginColumns(users[some], networks[some], places[some]))
        cut = empty(cut.saved())
    assert empty(None).memory() < cut.memory() == whole.memory() < 2 * LARGEST_PART_BYTES


def test_records_are_keyed_by_kind_subject_and_window() -> None:
    """So that an alert written again replaces itself, and the value is the alert."""
    [alert] = run_all([spray(START, users=3)], LOW, size=lambda: 9, turn=min).alerts
    [(engine_key, record)] = alert_records([alert])
    key = "password_spray/203.0.113.0/2024-07-03T09:50:00Z"
    assert engine_key == record["key"] == alert_key(alert) == key
    assert msgspec.json.decode(record["value"], type=Alert) == alert
