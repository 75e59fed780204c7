"""The line about many late logins: when it comes, and what it says."""

import pytest

from operators.late_watch import SAMPLE_LOGINS, SECONDS_BETWEEN_LINES, LateWatch
from operators.report import ReportLogic
from tests.unit.test_report import FakeClock, counted


@pytest.fixture
def told() -> list[str]:
    """The lines for people."""
    return []


@pytest.fixture
def clock() -> FakeClock:
    """A clock that a test advances."""
    return FakeClock()


@pytest.fixture
def watch(told: list[str], clock: FakeClock) -> LateWatch:
    """A watch over logins."""
    return LateWatch(told.append, "ALLOWED_LATENESS_SECONDS=10", clock)


def test_many_late_logins_are_told_with_their_share_and_the_setting(
    watch: LateWatch, told: list[str]
) -> None:
    """As soon as enough logins were seen to tell."""
    watch.count(SAMPLE_LOGINS - 1, 20)
    assert told == []
    watch.count(1, 1)
    [line] = told
    assert line.startswith("21 of the last 200 logins came too late")
    assert "ALLOWED_LATENESS_SECONDS=10" in line


def test_one_in_ten_is_not_many(watch: LateWatch, told: list[str]) -> None:
    """Nor is one in ten, again and again."""
    for _ in range(10):
        watch.count(SAMPLE_LOGINS, SAMPLE_LOGINS // 10)
    assert told == []


def test_line_is_logged_once_per_hour(watch: LateWatch, told: list[str], clock: FakeClock) -> None:
    """Of the logins just before it, however many batches are late."""
    for _ in range(5):
        watch.count(1_000, 1_000)
    assert len(told) == 1
    clock.seconds += SECONDS_BETWEEN_LINES
    watch.count(3_000, 2_000)
    assert [line.split(" logins")[0] for line in told] == [
        "1,000 of the last 1,000",
        "2,000 of the last 3,000",
    ]


def test_report_hands_on_what_each_batch_adds() -> None:
    """Late logins of the batch, and of earlier ones that turned out to be late."""
    before = ReportLogic(100)
    before.on_batch([counted(50, late=50)])
    found: list[tuple[int, int]] = []
    logic = ReportLogic(100, before.snapshot(), late_checked=lambda *counts: found.append(counts))
    logic.on_batch([counted(3), counted(4, {"not_json": 9}, late=2)])
    logic.on_batch([counted(0, late=1)])
    assert found == [(7, 2), (0, 1)]
