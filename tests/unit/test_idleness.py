"""When a silent partition counts as idle, and what is no silence."""

from collections.abc import Iterable

from connectors.idleness import IdleWatch


class Partition:
    """A partition that is polled at times a test sets, at an end that it sets too."""

    def __init__(self, seconds: float) -> None:
        self.now = 0.0
        self.at_end = True
        self.asked = 0
        self.watch = IdleWatch(seconds, self._ask, lambda: self.now)

    def _ask(self) -> bool:
        self.asked += 1
        return self.at_end

    def poll(self, times: Iterable[float]) -> list[float]:
        """Poll without a record at these times, and return when it became idle."""
        idle = []
        for self.now in times:
            if self.watch.silent():
                idle.append(self.now)
        return idle


def every_half_second(begin: int, end: int) -> list[float]:
    """Return the times of polls, the last one excluded."""
    return [half / 2 for half in range(begin * 2, end * 2)]


def test_a_silent_partition_becomes_idle_once() -> None:
    """After the time set, not before, and not again."""
    assert Partition(60).poll(every_half_second(0, 200)) == [60.0]


def test_a_record_begins_the_silence_anew() -> None:
    """Whoever speaks has to be silent for the whole time again."""
    partition = Partition(60)
    assert partition.poll(every_half_second(0, 50)) == []
    partition.watch.heard()
    assert partition.poll(every_half_second(50, 200)) == [109.5]


def test_a_partition_that_spoke_can_become_idle_again() -> None:
    """Idle, heard, and idle once more."""
    partition = Partition(10)
    assert partition.poll(every_half_second(0, 20)) == [10.0]
    partition.watch.heard()
    assert len(partition.poll(every_half_second(20, 40))) == 1


def test_time_without_polls_is_no_silence() -> None:
    """A worker that was busy writing for an hour has not listened for an hour."""
    partition = Partition(60)
    assert partition.poll(every_half_second(0, 50)) == []
    assert partition.poll(every_half_second(3_650, 3_655)) == []


def test_a_partition_that_is_not_at_its_end_is_not_idle() -> None:
    """Silence counts only while the broker says that there is nothing to read."""
    partition = Partition(60)
    partition.at_end = False
    assert partition.poll(every_half_second(0, 300)) == []
    partition.at_end = True
    [idle] = partition.poll(every_half_second(300, 600))
    assert 350 < idle < 370


def test_a_broker_away_in_the_middle_begins_the_silence_anew() -> None:
    """What was silent before the broker went away doesn't count."""
    partition = Partition(60)
    assert partition.poll(every_half_second(0, 55)) == []
    partition.at_end = False
    assert partition.poll(every_half_second(55, 65)) == []
    partition.at_end = True
    [idle] = partition.poll(every_half_second(65, 200))
    assert idle > 115


def test_the_broker_is_asked_a_few_times_only() -> None:
    """Asking costs a request, so it is done ten times within the time of silence."""
    partition = Partition(60)
    partition.poll(every_half_second(0, 61))
    assert partition.asked <= 10
