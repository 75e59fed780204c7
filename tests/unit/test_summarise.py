import pickle
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from models import ProcessedLogin
from operators.batches import Reason
from operators.event_time import Windowing
from operators.stats import LoginStats
from operators.summarise import summarise
from records import Coverage
from tests.support.batches import at, login_batch, processed
from tests.support.window_oracle import WindowOracle

WINDOWING = Windowing(seconds=60, lateness=10)
NOW = 1_720_622_216


def stats_of(logins: list[ProcessedLogin]) -> LoginStats:
    """The totals of logins, added up at once."""
    stats = LoginStats()
    stats.add(logins)
    return stats


def test_summary_holds_the_totals_of_the_batch_s_logins() -> None:
    """The same as adding them up by hand, under the window that they lie in."""
    logins = [processed(60, "a", quality=["missing_ip"]), processed(119, "b"), processed(70, "a")]
    summary = summarise(login_batch(logins, partition=3), WINDOWING)
    assert summary.windows == {60: stats_of(logins)}
    assert (summary.partition, summary.key, summary.newest) == (3, "00003", 119)
    assert summary.late == ()


def test_windows_begin_at_multiples_of_their_length() -> None:
    """The start belongs to a window, the end to the next one."""
    summary = summarise(login_batch(at(0, 59, 60, 119, 120)), Windowing(60, 60))
    assert {start: stats.logins for start, stats in summary.windows.items()} == {
        0: 2,
        60: 2,
        120: 1,
    }


@given(
    st.lists(st.integers(0, 400), max_size=20),
    st.integers(1, 90),
    st.integers(0, 90),
)
def test_batch_is_parted_as_if_login_by_login(
    timestamps: list[int], seconds: int, lateness: int
) -> None:
    """The ways for batches in which nothing is late give what the plain way gives."""
    oracle = WindowOracle(seconds, lateness)
    oracle.read(at(*timestamps))
    summary = summarise(login_batch(at(*timestamps)), Windowing(seconds, lateness))
    assert summary.windows == {start: stats_of(logins) for start, logins in oracle.windows.items()}
    assert summary.late == ((stats_of(oracle.late),) if oracle.late else ())
    assert summary.late_logins == len(oracle.late)
    assert summary.newest == max(timestamps, default=None)


def test_login_before_the_newest_one_is_not_late() -> None:
    """Only what came before a login in the batch can make it late."""
    assert summarise(login_batch(at(10, 500)), WINDOWING).late_logins == 0
    assert summarise(login_batch(at(500, 10)), WINDOWING).late_logins == 1


def test_summary_counts_rejects_by_reason() -> None:
    """Each dead letter counts once, under the word that its header has."""
    batch = login_batch([], Reason.NOT_JSON, Reason.TOMBSTONE, Reason.NOT_JSON)
    summary = summarise(batch, WINDOWING)
    assert summary.rejects == {"not_json": 2, "tombstone": 1}
    assert summary.windows == {}


def test_reject_moves_no_event_time() -> None:
    """A timestamp in the future is in no login, so the newest one stays what it was."""
    assert summarise(login_batch([], Reason.TIMESTAMP_IN_FUTURE), WINDOWING).newest is None


def test_summary_of_an_empty_batch_is_empty_and_says_why_it_came() -> None:
    """To tell up to when its partition was read, or that there is a gap before what follows."""
    coverage = Coverage(read_at=3, since=1, until=2)
    summary = summarise(login_batch(coverage=coverage, gap=True), WINDOWING)
    assert (summary.windows, summary.late, summary.rejects, summary.newest) == ({}, (), {}, None)
    assert (summary.coverage, summary.gap) == (coverage, True)


def test_summary_has_logins_whether_they_are_late_or_not() -> None:
    """Dead letters are none."""
    assert summarise(login_batch(at(1)), WINDOWING).has_logins
    assert replace(summarise(login_batch(at(500, 1)), WINDOWING), windows={}).has_logins
    assert not summarise(login_batch([], Reason.NOT_JSON), WINDOWING).has_logins


def test_same_batch_gives_the_same_summary() -> None:
    """It is stateless: nothing of one batch is left in the next one's summary."""
    one = login_batch(at(1, 2), Reason.NOT_JSON)
    assert summarise(one, WINDOWING) == summarise(one, WINDOWING)


def test_pickled_summary_is_small_and_names_no_reason_enum() -> None:
    """It crosses processes as plain values and comes back equal."""
    summary = summarise(login_batch(at(500, 1, 499), Reason.INVALID_IP), WINDOWING)
    pickled = pickle.dumps(summary)
    assert pickle.loads(pickled) == summary  # noqa: S301 - our own
    assert b"Reason" not in pickled
    assert len(pickled) < 1_500


def test_a_login_from_a_fast_clock_makes_no_other_login_late() -> None:
    """It counts in the window in which its record was written, as do those behind it."""
    logins = at(NOW, NOW + 43_200, NOW + 1)
    batch = login_batch(logins, record_times=[NOW * 1_000 + 300] * 3)
    summary = summarise(batch, WINDOWING)
    assert {start: stats.logins for start, stats in summary.windows.items()} == {NOW - NOW % 60: 3}
    assert (summary.newest, summary.late_logins) == (NOW, 0)


def test_rejects_take_no_login_s_record_time() -> None:
    """Each login is bounded by its own record, wherever in the batch that stood."""
    batch = login_batch(at(NOW + 600), Reason.NOT_JSON, record_times=[NOW * 1_000, 1])
    batch.source.timestamps.reverse()
    batch.indexes = [1]
    assert summarise(batch, WINDOWING).newest == NOW
