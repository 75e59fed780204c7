"""What a soak makes of its samples."""

from collections.abc import Callable
from random import Random
from xml.etree import ElementTree

import pytest

from tests.soak.__main__ import report
from tests.soak.judge import Growth, Limits, Sample, faults, growth, lives, pooled, settled
from tests.soak.plot import GAP, HEADING, LEFT, PANEL, RIGHT, WIDTH, picture

LIMITS = Limits(warm_up=60, rss_growth=30, lag=5_000)
LIFE = 300

Change = Callable[[int], float]


def flat(value: float) -> Change:
    """Return what doesn't change with age."""
    return lambda _age: value


MEMORY, LAG, FILES = flat(100), flat(20), flat(80)


def soak(
    rss: Change = MEMORY, lag: Change = LAG, files: Change = FILES, lives: int = 3
) -> list[Sample]:
    """Return samples of some lives that are all the same, as a function of age."""
    random = Random(1)  # noqa: S311 - test data
    return [
        Sample(
            seconds=life * LIFE + age,
            life=life,
            age=age,
            rss=rss(age) + random.gauss(0, 0.2),
            lag=int(lag(age)),
            files=int(files(age)),
            threads=45,
        )
        for life in range(lives)
        for age in range(LIFE)
    ]


def test_a_straight_line_has_its_slope_and_no_error() -> None:
    """One MB a minute is 60 an hour."""
    one = growth([(second, 100 + second / 60) for second in range(200)])
    assert one is not None
    assert one.slope == pytest.approx(60)
    assert one.error == pytest.approx(0, abs=1e-6)


def test_the_error_tells_how_far_off_a_slope_may_be() -> None:
    """Of many noisy lines without any slope, some 95% are within two standard errors of none."""
    random = Random(2)  # noqa: S311 - test data
    fits = [growth([(second, random.gauss(100, 1)) for second in range(120)]) for _ in range(500)]
    near = sum(abs(one.slope) < 2 * one.error for one in fits if one is not None)
    assert 0.90 < near / 500 < 0.97


def test_too_short_a_time_has_no_slope() -> None:
    """Five points of ten seconds each say little."""
    assert growth([(second, 100.0) for second in range(50)]) is None
    assert growth([(second, 100.0) for second in range(60)]) is not None


def test_lives_that_differ_make_their_mean_less_sure() -> None:
    """The error of the mean is that of the slopes, or what they differ by, whichever is more."""
    alike = pooled([Growth(10, 3), Growth(10, 4)])
    assert (alike.slope, alike.error) == (10, 2.5)
    apart = pooled([Growth(0, 1), Growth(20, 1)])
    assert apart.slope == 10
    assert apart.error == pytest.approx(10)


def test_each_process_is_judged_by_itself() -> None:
    """A new process begins with little memory: that is not a fall."""
    assert [len(life) for life in lives(soak())] == [LIFE, LIFE, LIFE]


def test_a_steady_flow_passes() -> None:
    """What grows during the warm-up only, and lag that is caught up in it, are fine."""
    warm = soak(
        rss=lambda age: min(100, 20 + 2 * age),
        lag=lambda age: max(20, 50_000 - 1_000 * age),
        files=lambda age: min(80, 20 + age),
    )
    assert faults(warm, LIMITS) == []


def test_growing_memory_is_told() -> None:
    """60 MB an hour are over the limit of 30."""
    [fault] = faults(soak(rss=lambda age: 100 + age / 60), LIMITS)
    assert "memory grew by +6" in fault
    assert "over the limit of 30 MB/hour" in fault


def test_growth_that_may_be_chance_passes() -> None:
    """Memory that jumps about may well seem to grow: over the limit, but not surely so."""
    random = Random(3)  # noqa: S311 - test data
    jumpy = soak(rss=lambda age: 100 + age / 80 + random.gauss(0, 10), lives=1)
    one = settled(jumpy, LIMITS)
    assert one is not None
    assert one.slope > LIMITS.rss_growth
    assert faults(jumpy, LIMITS) == []


def test_lag_after_the_warm_up_is_told() -> None:
    """One look is enough."""
    late = soak(lag=lambda age: 9_000 if age == 200 else 20, lives=1)
    assert faults(late, LIMITS) == [
        "life 0: lag of 9,000 records after the warm-up, over the limit of 5,000"
    ]


def test_growing_files_are_told() -> None:
    """A file a minute stays open."""
    [fault] = faults(soak(files=lambda age: 80 + age / 60, lives=1), LIMITS)
    assert "life 0: 3 more files at its end" in fault


def test_a_soak_too_short_to_judge_is_no_success() -> None:
    """Nothing seen is not the same as nothing wrong."""
    assert faults(soak()[:100], LIMITS) == [
        "no process lived long enough after its warm-up to judge its memory"
    ]
    assert faults([], LIMITS) != []


def test_the_report_has_a_line_for_each_life_and_one_for_all() -> None:
    """With slope and error, lag, files and threads."""
    first, _, _, whole = report(soak(), LIMITS)
    assert first.startswith("life 0: 240 samples after the warm-up; memory 100 to 100 MB, ")
    assert first.endswith("lag at most 20, after the warm-up 20; files 80 to 80, threads 45 to 45")
    assert whole.startswith("all lives: memory ")
    assert whole.endswith(" MB/hour")


def test_the_picture_is_whole_and_stays_in_its_frames() -> None:
    """Each life is a line of its own in each diagram, and within it."""
    drawn = ElementTree.fromstring(picture(soak(), [(300, "SIGTERM"), (600, "SIGKILL")], "soak"))  # noqa: S314 - our own
    name = "{http://www.w3.org/2000/svg}"
    lines = drawn.findall(f"{name}polyline")
    frames = [0] * 3 + [1] * 3 + [2] * 6
    assert len(lines) == len(frames)
    for line, frame in zip(lines, frames, strict=True):
        points = [tuple(map(float, at.split(","))) for at in line.attrib["points"].split()]
        top = HEADING + frame * (PANEL + GAP) + 16
        assert all(LEFT <= x <= WIDTH - RIGHT and top <= y <= top + PANEL for x, y in points)
    assert [text.text for text in drawn.findall(f"{name}text")].count(" SIGKILL") == 1
