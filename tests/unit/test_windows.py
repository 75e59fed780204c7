import pickle
from collections.abc import Sequence
from random import Random
from zlib import compress

import pytest
from datasketches import hll_sketch
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Insight, ProcessedLogin
from operators.batches import Reason
from operators.event_time import Windowing
from operators.state import StateFormatError
from operators.stats import KEPT_KEYS
from operators.summarise import summarise
from operators.windows import WindowConfig, WindowResults, WindowsLogic
from records import Coverage
from tests.support.batches import at, login_batch, processed
from tests.support.refusal import refuse
from tests.support.window_fold import IDLE, IDLE_SECONDS, WINDOWING, Fold
from tests.support.window_oracle import WindowOracle, assert_same_windows


def closed(results: WindowResults) -> list[tuple[str, int]]:
    """What tells insights apart: start and logins; all of them final."""
    assert all(insight.final for insight in results.insights)
    return figures(results.insights)


def figures(insights: Sequence[Insight]) -> list[tuple[str, int]]:
    """Start (the minutes and seconds of it) and logins of insights."""
    return [(insight.window_start[14:19], insight.logins) for insight in insights]


def test_window_closes_when_every_partition_is_past_it_by_the_allowed_lateness() -> None:
    """A second earlier it is still open; then it is written once, with all partitions' logins."""
    fold = Fold()
    assert closed(fold(0, 5, 70)) == []
    assert closed(fold(1, 6, 7, 69)) == []
    assert closed(fold(1, 70)) == [("00:00", 3)]
    assert closed(fold(1, 71)) == []


def test_batch_that_moves_the_watermark_past_a_window_counts_in_it_first() -> None:
    """Its logins were in time when they came, so they are folded before anything closes."""
    fold = Fold(partitions=1)
    assert closed(fold(0, 59, 300)) == [("00:00", 1)]


def test_windows_that_close_together_are_written_in_their_order() -> None:
    """Whatever order their logins came in."""
    fold = Fold(partitions=1, windowing=Windowing(60, 500))
    fold(0, 190, 10, 70, 130)
    assert closed(fold(0, 740)) == [
        ("00:00", 1),
        ("01:00", 1),
        ("02:00", 1),
        ("03:00", 1),
    ]


def test_partition_far_ahead_makes_nothing_late() -> None:
    """During catch-up the watermark waits for the slowest one."""
    fold = Fold()
    assert closed(fold(0, *range(0, 3_600, 60))) == []
    results = [fold(1, second) for second in range(0, 3_600, 60)]
    assert sum(result.late for result in results) == 0
    assert [count for result in results for _, count in closed(result)] == [2] * 58


def test_partition_without_logins_holds_windows_back_until_it_is_idle() -> None:
    """Nobody knows how old its first login will be."""
    fold = Fold()
    assert closed(fold(0, 5, 100)) == []
    assert closed(fold(1, coverage=IDLE)) == [("00:00", 1)]


def test_silent_partition_holds_windows_back_until_it_is_idle_and_then_counts_in_time() -> None:
    """When it speaks again, what is too late is counted as late, and the rest counts."""
    fold = Fold()
    fold(1, 5)
    assert closed(fold(0, 5, 100)) == []
    assert closed(fold(1, coverage=IDLE)) == [("00:00", 2)]
    assert fold(1, 6, 61, 65) == WindowResults(late=1)
    assert closed(fold(0, 130)) == []
    assert closed(fold(1, 131)) == [("01:00", 3)]


def test_partition_that_speaks_again_holds_the_watermark_again() -> None:
    """It never goes back, and advances only once that partition has caught up."""
    fold = Fold()
    fold(0, 300)
    fold(1, coverage=IDLE)
    fold(1, 250)
    assert closed(fold(0, 600)) == []
    assert closed(fold(1, 600)) == [("04:00", 1), ("05:00", 1)]


def test_partition_with_nothing_but_dead_letters_becomes_idle() -> None:
    """They come without a pause, but no login does."""
    fold = Fold()
    fold(0, 100, 200)
    results = [
        fold.give(fold.summary(1, [], Reason.NOT_JSON, coverage=Coverage(second, 0, second)))
        for second in range(1, IDLE_SECONDS + 1)
    ]
    assert [closed(result) for result in results[:-1]] == [[]] * (IDLE_SECONDS - 1)
    assert closed(results[-1]) == [("01:00", 1)]


def test_dead_letters_do_not_end_a_partition_s_idleness() -> None:
    """Only a login is waited for."""
    fold = Fold()
    fold(1, coverage=IDLE)
    fold.give(fold.summary(1, [], Reason.NOT_JSON, coverage=Coverage(70, 69, 69)))
    assert closed(fold(0, 100, 200)) == [("01:00", 1)]


def test_silence_is_counted_from_the_last_login_even_if_that_is_late() -> None:
    """A second too early the partition still holds the windows."""
    fold = Fold()
    fold(0, 100, 200)
    fold(1, 95, coverage=Coverage(read_at=20, since=0, until=20))
    fold(1, 5, coverage=Coverage(read_at=50, since=0, until=50))
    assert closed(fold(1, coverage=Coverage(read_at=110, since=0, until=109))) == []
    assert closed(fold(1, coverage=Coverage(read_at=111, since=0, until=110))) == [("01:00", 2)]


def test_silence_is_counted_from_the_last_interruption() -> None:
    """While the partition was not followed, it is unknown whether it was silent."""
    fold = Fold()
    fold(0, 100, 200)
    fold(1, 95, coverage=Coverage(read_at=20, since=0, until=20))
    assert closed(fold(1, coverage=Coverage(read_at=300, since=250, until=309))) == []
    assert closed(fold(1, coverage=Coverage(read_at=311, since=250, until=310))) == [("01:00", 2)]


def test_when_all_partitions_are_idle_the_watermark_stays() -> None:
    """There is no time to go by."""
    fold = Fold()
    fold(0, 100)
    fold(1, 20)
    assert closed(fold(0, coverage=IDLE)) == []
    assert closed(fold(1, coverage=IDLE)) == []
    assert figures(fold.end()) == [("00:00", 1), ("01:00", 1)]


def test_window_that_idleness_closed_is_never_written_again() -> None:
    """Not in this run, nor after a restart, nor with a longer allowed lateness."""
    fold = Fold()
    fold(1, coverage=IDLE)
    assert closed(fold(0, 5, 100)) == [("00:00", 1)]
    patient = Windowing(seconds=60, lateness=1_000)
    for again in (fold, Fold(state=fold.state()), Fold(windowing=patient, state=fold.state())):
        assert again(1, 5, 6) == WindowResults(late=2)
        assert again(1, 7) == WindowResults(late=1), "the watermark went back"
        assert "00:00" not in dict(figures(again.end()))


def test_restart_does_not_know_which_partitions_are_idle() -> None:
    """They may have got logins meanwhile, which the others must not make late."""
    fold = Fold()
    fold(1, coverage=IDLE)
    fold(0, 100)
    again = Fold(state=fold.state())
    assert closed(again(0, 5_000)) == []
    assert closed(again(1, 101)) == []
    assert closed(again(1, 5_000)) == [("01:00", 2)]


def test_future_timestamp_moves_no_watermark() -> None:
    """It became a dead letter, so no window closes before its time."""
    fold = Fold(partitions=1)
    fold(0, 5)
    assert fold.give(fold.summary(0, [], Reason.TIMESTAMP_IN_FUTURE)) == WindowResults()
    assert closed(fold(0, 6, 70)) == [("00:00", 2)]


def test_end_of_a_back_fill_shows_open_windows_and_a_later_run_writes_them_whole() -> None:
    """They are marked as not final, and kept."""
    fold = Fold(partitions=1)
    fold(0, 5, 65)
    shown = fold.end()
    assert figures(shown) == [("00:00", 1), ("01:00", 1)]
    assert not any(insight.final for insight in shown)
    later = Fold(partitions=1, state=fold.state())
    assert closed(later(0, 6, 200)) == [("00:00", 2), ("01:00", 1)]


def test_normal_stop_keeps_open_windows_unwritten() -> None:
    """The next run continues them."""
    fold = Fold(partitions=1, at_end=False)
    fold(0, 5)
    assert fold.end() == []
    assert closed(Fold(partitions=1, state=fold.state())(0, 70)) == [("00:00", 1)]


def test_windows_behind_a_gap_are_named_instead_of_written() -> None:
    """They would overwrite whole ones; the first that is surely whole is written again."""
    fold = Fold(partitions=1)
    fold(0, *range(115, 135), gap=True)
    fold(0, 181, 241)
    assert closed(fold(0, 500)) == [("03:00", 1), ("04:00", 1)]
    assert [line[-20:] for line in fold.told] == ["1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z"]
    assert "ON_MISSING_STATE=continue" in fold.told[0]


def test_end_of_a_back_fill_does_not_show_windows_behind_a_gap() -> None:
    """A window that is not final would overwrite a whole one too."""
    fold = Fold(partitions=1)
    fold(0, *range(100, 115), gap=True)
    again = Fold(partitions=1, state=fold.state())
    again(0, *range(120, 130), 200)
    assert figures(again.end()) == []
    assert "1970-01-01T00:03:00Z" in again.told[-1]


def test_restart_remembers_which_windows_lie_behind_a_gap() -> None:
    """They are still open, and still lack logins."""
    fold = Fold(partitions=1)
    fold(0, *range(100, 120), gap=True)
    again = Fold(partitions=1, state=fold.state())
    assert closed(again(0, 190, 400)) == [("03:00", 1)]
    assert len(again.told) == 1


def test_gap_of_one_partition_counts_for_the_windows_of_all() -> None:
    """Until its first login, up to now: the fold's clock says 900."""
    fold = Fold()
    fold(1, coverage=IDLE, gap=True)
    assert closed(fold(0, 800, 905, 961, 1_100)) == [("16:00", 1)]
    assert fold.told[0].count("Z") == 2


def test_changed_window_length_is_refused_and_says_what_to_do() -> None:
    """Open windows can't be split again."""
    fold = Fold()
    fold(0, 5)
    with pytest.raises(StateFormatError) as error:
        Fold(windowing=Windowing(30, 10), state=fold.state())
    for words in ("WINDOW_SECONDS is 30", "of 60 seconds", "-r", "new INSIGHTS_TOPIC"):
        assert words in str(error.value)


def test_changed_lateness_is_no_other_format() -> None:
    """It holds from then on; what was closed stays closed."""
    fold = Fold(partitions=1)
    fold(0, 5, 65)
    again = Fold(partitions=1, windowing=Windowing(60, 100), state=fold.state())
    assert closed(again(0, 159)) == []
    assert closed(again(0, 160)) == [("00:00", 1)]


@pytest.mark.parametrize(
    "state", [(2,), "old", (1, 60, (None, ()), (), ((0, compress(b"\x91\x09")),))]
)
def test_state_of_another_format_is_refused(state: object) -> None:
    """The windows' own format and that of the totals in them are both looked at."""
    with pytest.raises(StateFormatError, match="new recovery folder"):
        Fold(state=({}, state))


def test_snapshot_makes_only_changed_windows_ready() -> None:
    """With a thousand open windows the others' bytes are the same objects as before."""
    config = WindowConfig(WINDOWING, 2, IDLE_SECONDS, lambda: False, print, refuse)
    logic = WindowsLogic(config)
    logic.on_batch([summarise(login_batch(at(5, 65)), WINDOWING)])
    before = dict(logic.snapshot()[-1])
    logic.on_batch([summarise(login_batch(at(66)), WINDOWING)])
    after = dict(logic.snapshot()[-1])
    assert after[0] is before[0]
    assert after[60] != before[60]


def test_snapshot_does_not_change_with_later_batches() -> None:
    """The engine pickles it later than it asks for it, and it names no class of this project."""
    config = WindowConfig(WINDOWING, 2, IDLE_SECONDS, lambda: False, print, refuse)
    logic = WindowsLogic(config)
    logic.on_batch([summarise(login_batch(at(5)), WINDOWING)])
    snapshot = logic.snapshot()
    pickled = pickle.dumps(snapshot)
    logic.on_batch([summarise(login_batch(at(6, 400)), WINDOWING)])
    assert pickle.dumps(snapshot) == pickled
    assert b"operators" not in pickled


streams = st.lists(st.lists(st.integers(0, 500), max_size=12), min_size=3, max_size=3)


@given(streams, st.integers(1, 90), st.integers(0, 90), st.randoms())
@settings(max_examples=200)
def test_any_cutting_interleaving_and_restart_gives_the_windows_of_the_plain_computation(
    streams: list[list[int]], seconds: int, lateness: int, random: Random
) -> None:
    """Batches cut anywhere, partitions in any order, restarts anywhere: the same windows."""
    windowing = Windowing(seconds, lateness)
    oracle = WindowOracle(seconds, lateness)
    for stream in streams:
        oracle.read(at(*stream))
    fold = Fold(3, windowing)
    insights: list[Insight] = []
    rest = {partition: at(*stream) for partition, stream in enumerate(streams)}
    while rest:
        partition = random.choice(sorted(rest))
        size = random.randint(1, 5)
        batch, rest[partition] = rest[partition][:size], rest[partition][size:]
        if not rest[partition]:
            del rest[partition]
        results = fold.give(fold.summary(partition, batch))
        assert results.late == 0
        assert all(insight.final for insight in results.insights)
        insights += results.insights
        if random.random() < 0.2:
            fold = Fold(3, windowing, state=fold.state())
    keys = [insight.window_start for insight in insights]
    assert keys == sorted(set(keys)), "each window closes once, in order"
    assert_same_windows([*insights, *fold.end()], oracle)


def test_sixty_thousand_logins_with_stragglers_equal_the_plain_computation() -> None:
    """Four partitions, 2% of the logins up to 200 s late, batches of any size."""
    random = Random(4)  # noqa: S311 - test data
    oracle = WindowOracle(60, 10)
    fold = Fold(partitions=4)
    streams = {partition: stream(random, 15_000) for partition in range(4)}
    for logins in streams.values():
        oracle.read(logins)
    insights: list[Insight] = []
    while streams:
        partition = random.choice(sorted(streams))
        size = random.randint(1, 3_000)
        summary = fold.summary(partition, streams[partition][:size])
        insights += fold.give(summary).insights
        streams[partition] = streams[partition][size:]
        if not streams[partition]:
            del streams[partition]
    insights += fold.end()
    assert_same_windows(insights, oracle)
    assert len(oracle.late) > 500


def stream(random: Random, count: int) -> list[ProcessedLogin]:
    """One partition's logins: ten a second, 2% of them up to 200 s late."""
    logins = []
    for number in range(count):
        late = random.randint(0, 200) if random.random() < 0.02 else 0
        logins.append(
            processed(
                1_720_000_000 + number // 10 - late,
                f"user {random.randint(0, 5_000)}",
                random.choice(["NY", "CA", "DE"]),
                random.choice([[], ["missing_ip"]]),
            )
        )
    return logins


def test_unique_users_are_within_three_percent_at_a_hundred_thousand() -> None:
    """And anyone can read and merge the sketch with the library it is named after."""
    fold = Fold(partitions=1)
    for begin in range(0, 100_000, 2_000):
        users = range(begin, begin + 2_000)
        fold.give(fold.summary(0, [processed(5, f"user {user}") for user in users]))
    (insight,) = fold.end()
    assert abs(insight.unique_users - 100_000) < 3_000
    read = hll_sketch.deserialize(insight.users_sketch)
    assert round(read.get_estimate()) == insight.unique_users


def test_million_locales_stay_bounded_and_add_up() -> None:
    """In the state and in the record, which fits a Kafka message."""
    fold = Fold(partitions=1)
    for begin in range(0, 1_000_000, 5_000):
        locales = range(begin, begin + 5_000)
        fold.give(fold.summary(0, [processed(5, "user", f"locale {one}") for one in locales]))
    (insight,) = fold.end()
    assert len(insight.locales) == KEPT_KEYS + 1
    assert sum(insight.locales.values()) == insight.logins == 1_000_000
    assert len(pickle.dumps(fold.state())) < 100_000
