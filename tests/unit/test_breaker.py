"""When too many dead letters stop the flow, and when not."""

import pickle

import pytest

from operators.batches import Reason
from operators.breaker import BreakerLogic, Counts, Stop, counts
from operators.event_time import Windowing
from operators.state import StateFormatError
from operators.summarise import summarise
from tests.support.batches import at, login_batch


class Breaker:
    """A breaker with a clock that a test sets."""

    def __init__(self, ratio: float = 0.5, state: tuple[object, ...] | None = None) -> None:
        self.now = 0.0
        self.logic = BreakerLogic(ratio, state, lambda: self.now)

    def count(self, good: int, bad: int, batches: int = 1) -> None:
        """Count batches with so many logins and dead letters each."""
        for _ in range(batches):
            rejects = {"not_json": bad - bad // 3, "tombstone": bad // 3} if bad else {}
            self.logic.on_batch([Counts(good + bad, rejects)])

    def stops(self) -> list[Stop]:
        """Wait for longer than it waits, and return what it emits."""
        self.now += 10
        return self.logic.on_notify()[0] if self.logic.notify_at() else []


def test_fewer_than_10_000_records_never_stop_the_flow() -> None:
    """Even if every one of them is bad."""
    breaker = Breaker()
    breaker.count(good=0, bad=9_999)
    assert breaker.stops() == []


@pytest.mark.parametrize(("bad", "stopped"), [(1_000, False), (1_001, True)])
def test_the_ratio_has_to_be_exceeded(bad: int, stopped: bool) -> None:
    """Half is still fine with 0.5, a record more isn't."""
    breaker = Breaker()
    breaker.count(good=2_000 - bad, bad=bad, batches=5)
    assert bool(breaker.stops()) == stopped


def test_only_the_last_10_000_records_count() -> None:
    """A good past doesn't excuse a bad present, and a bad past is forgiven."""
    breaker = Breaker()
    breaker.count(good=100, bad=0, batches=1_000)
    breaker.count(good=0, bad=100, batches=50)
    assert breaker.stops() == []
    breaker.count(good=0, bad=100, batches=2)
    assert len(breaker.stops()) == 1
    forgiven = Breaker(0.6)
    forgiven.count(good=1, bad=1, batches=5_000)
    forgiven.count(good=100, bad=0, batches=200)
    assert forgiven.stops() == []


def test_the_message_names_the_commonest_reasons_and_the_way_out() -> None:
    """What happened, how bad it is, and what to do."""
    breaker = Breaker()
    breaker.count(good=1_000, bad=9_000)
    [stop] = breaker.stops()
    assert "9,000 of the last 10,000 records" in stop.message
    assert "not_json 6,000, tombstone 3,000" in stop.message
    assert "MAX_DEAD_LETTER_RATIO" in stop.message
    assert not stop.at_end


def test_it_waits_until_the_batch_is_committed() -> None:
    """The stop comes a few seconds after the batch, when that and the state are safe."""
    breaker = Breaker()
    breaker.count(good=0, bad=10_000)
    assert breaker.logic.on_notify() == ([], False)
    breaker.now += 2.9
    assert breaker.logic.on_notify() == ([], False)
    breaker.now += 0.2
    assert len(breaker.logic.on_notify()[0]) == 1


def test_a_restart_stops_again_at_once_until_the_ratio_is_raised_or_off() -> None:
    """The judgement survives in the state."""
    breaker = Breaker()
    breaker.count(good=2_000, bad=8_000)
    state = pickle.loads(pickle.dumps(breaker.logic.snapshot()))  # noqa: S301
    assert len(Breaker(0.5, state).logic.on_notify()[0]) == 1
    assert Breaker(0.9, state).stops() == []
    assert Breaker(0, state).stops() == []


def test_the_end_of_the_input_stops_too() -> None:
    """A backfill that ends before the wait is over fails as well."""
    breaker = Breaker()
    breaker.count(good=0, bad=10_000)
    [stop] = breaker.logic.on_eof()[0]
    assert stop.at_end
    assert Breaker().logic.on_eof()[0] == []


def test_the_state_is_small_however_small_the_batches_are() -> None:
    """Batches of one record each make no ten thousand entries."""
    breaker = Breaker()
    breaker.count(good=1, bad=0, batches=30_000)
    assert len(pickle.dumps(breaker.logic.snapshot())) < 2_000


def test_logins_in_time_late_ones_and_rejects_are_all_records() -> None:
    """Each record of a batch counts once."""
    batch = login_batch(at(0, 500, 1, 501), Reason.NOT_JSON, Reason.TOMBSTONE, Reason.NOT_JSON)
    counted = counts(summarise(batch, Windowing(60, 10)))
    assert counted == Counts(7, {"not_json": 2, "tombstone": 1})


def test_state_of_another_format_is_refused() -> None:
    """State says which format it has."""
    with pytest.raises(StateFormatError):
        BreakerLogic(0.5, (0, ()))
