"""How long a partition has been read to its end without a break, and when that is reported."""

from collections.abc import Iterable

import pytest

from connectors.coverage import CoverageWatch, request_interval
from connectors.partition_ends import CommittedEnd
from records import Coverage

IDLE_SECONDS = 60.0
PAUSE = request_interval(IDLE_SECONDS)


class Partition:
    """A partition whose end is requested, and answered, at each poll that a test makes.

    Attributes:
        now: the clock.
        end: the broker's answer; None while it doesn't answer.
        position: how far the partition was read.
        asked: how often its end was asked for.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS, poll_seconds: float = 0.5) -> None:
        self.now = 0.0
        self.end: int | None = 7
        self.position = 7
        self.asked = 0
        self._answer: CommittedEnd | None = None
        self.watch = CoverageWatch(self._ask, idle_seconds, poll_seconds, lambda: self.now)

    def _ask(self) -> CommittedEnd | None:
        self.asked += 1
        if self.end is not None:
            self._answer = CommittedEnd(self.now, self.end)
        return self._answer

    def poll(self, times: Iterable[float]) -> list[Coverage]:
        """Poll without a record at these times, and return what was reported."""
        reported = []
        for self.now in times:
            self.watch.look(lambda: self.position)
            if self.watch.is_report_due():
                reported.append(self.watch.report(records=False))
        return reported

    def read(self, now: float) -> Coverage:
        """Read a record."""
        self.now = now
        self.position += 1
        if self.end is not None:
            self.end += 1
        return self.watch.report(records=True)


def every(seconds: float, begin: float, end: float) -> list[float]:
    """Return the times of polls, the last one excluded."""
    return [begin + seconds * number for number in range(int((end - begin) / seconds))]


def silence(coverage: Coverage) -> float:
    """Return how long the partition was followed."""
    return coverage.until - coverage.since


def test_silence_is_reported_while_it_grows_until_it_is_long_enough() -> None:
    """Ten times in total, so that an idle flow stops sending batches."""
    partition = Partition()
    reported = partition.poll(every(0.5, 0, 200))
    assert [silence(coverage) for coverage in reported] == [6.0 * number for number in range(1, 11)]


def test_end_is_not_requested_once_a_silence_is_fully_reported() -> None:
    """Until there is a record again."""
    partition = Partition()
    partition.poll(every(0.5, 0, 100))
    asked = partition.asked
    partition.poll(every(0.5, 100, 200))
    assert partition.asked == asked
    partition.read(200)
    partition.poll([200.5])
    assert partition.asked == asked + 1


def test_silence_after_a_record_is_told_in_full() -> None:
    """The watermark adds up the silence before and after a record that wasn't a login."""
    partition = Partition()
    partition.poll(every(0.5, 0, 30))
    assert partition.read(30) == Coverage(read_at=30, since=0, until=29.5)
    reported = partition.poll(every(0.5, 30.5, 200))
    assert reported[0].since == reported[-1].since == 0
    assert reported[-1].until == 90


def test_records_that_keep_coming_tell_how_far_the_partition_was_followed() -> None:
    """A stream of dead letters reports no silence of its own."""
    partition = Partition()
    reported = []
    for now in every(0.5, 0, 100):
        reported.append(partition.read(now))
        partition.poll([now])
    assert reported[-1].since == 0
    assert reported[-1].until == 99


@pytest.mark.parametrize("poll_seconds", [0.05, 0.5, 1.0, 10.0])
def test_pauses_between_polls_of_any_length_are_silence(poll_seconds: float) -> None:
    """BATCH_INTERVAL_MS goes up to ten seconds."""
    reported = Partition(poll_seconds=poll_seconds).poll(every(poll_seconds, 0, 200))
    assert IDLE_SECONDS <= silence(reported[-1]) < IDLE_SECONDS + PAUSE + poll_seconds


@pytest.mark.parametrize(("late", "counts"), [(0.0, True), (0.25, False)])
def test_pause_longer_than_a_busy_moment_is_not_silence(late: float, counts: bool) -> None:
    """A worker that could not write, or a suspended process, didn't poll."""
    partition = Partition(poll_seconds=0.5)
    partition.poll([0, 6])
    again = 6 + 6 + 0.5 + 2 + late  # a question's pause, a poll's, and two seconds
    (reported,) = partition.poll([again])
    assert reported.since == (0 if counts else again)


def test_time_before_the_end_was_reached_is_not_silence() -> None:
    """What is still to be read may hold a login."""
    partition = Partition()
    partition.end = 1_000
    assert partition.poll(every(0.5, 0, 300)) == []
    partition.position = 1_000
    reported = partition.poll(every(0.5, 300, 600))
    assert {coverage.since for coverage in reported} == {300}
    assert reported[-1].until == 360


def test_broker_away_interrupts_the_silence() -> None:
    """What was silent before it went away doesn't count."""
    partition = Partition()
    partition.poll(every(0.5, 0, 55))
    partition.end = None
    assert partition.poll(every(0.5, 55, 70)) == []
    partition.end = 7
    assert partition.poll(every(0.5, 70, 200))[-1] == Coverage(read_at=130, since=70, until=130)


def test_end_reached_after_a_while_covers_only_the_time_of_the_request() -> None:
    """What came since then is unknown."""
    partition = Partition()
    partition.end = 8
    partition.poll([6])
    partition.end = None
    partition.position = 8
    (reported,) = partition.poll([8])
    assert reported.until == 6


def test_request_interval_is_a_tenth_of_the_idle_time_within_bounds() -> None:
    """Neither a flood of requests nor one in hours."""
    assert [request_interval(seconds) for seconds in (0.1, 10, 60, 86_400)] == [0.1, 1, 6, 6]
