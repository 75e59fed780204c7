"""When reading is stuck, and when it only looks stuck."""

from dataclasses import dataclass

import pytest

from connectors.partition_ends import CommittedEnd
from connectors.stall import StallWatch

LOOK_SECONDS = 5


@dataclass
class Partition:
    """A partition, checked every five seconds, whose broker answers at once."""

    end: int = 10
    answers: bool = True
    now: float = 0.0

    def __post_init__(self) -> None:
        self.asked = CommittedEnd(asked_at=0.0, offset=self.end)
        self.watch = StallWatch(lambda: self.asked, lambda: self.now)

    def looks(self, seconds: float, position: int) -> list[float]:
        """Check for some time; return when a stall was reported."""
        told = []
        for _ in range(int(seconds / LOOK_SECONDS)):
            self.now += LOOK_SECONDS
            if self.answers:
                self.asked = CommittedEnd(asked_at=self.now, offset=self.end)
            if self.watch.look(position):
                told.append(self.now)
        return told


def test_a_stall_is_reported_after_a_minute_and_then_each_minute() -> None:
    """Counted from the first check that found no progress."""
    assert Partition().looks(200, position=5) == [65, 125, 185]


@pytest.mark.parametrize("end", [10, 4])
def test_a_partition_without_anything_to_read_does_not_stall(end: int) -> None:
    """However long it has nothing, and also when something comes after that."""
    partition = Partition(end=end)
    assert partition.looks(300, position=10) == []
    partition.end = 20
    assert partition.looks(55, position=10) == []
    assert partition.looks(LOOK_SECONDS, position=10)


def test_a_partition_that_is_read_does_not_stall() -> None:
    """Even slowly."""
    partition = Partition()
    for position in range(9):
        assert partition.looks(40, position) == []


def test_a_broker_that_is_away_is_not_a_stall() -> None:
    """It doesn't say where the partition ends, either."""
    partition = Partition(answers=False)
    assert partition.looks(300, position=5) == []


def test_a_process_that_was_suspended_has_a_minute_again() -> None:
    """It could receive nothing meanwhile."""
    partition = Partition()
    assert partition.looks(50, position=5) == []
    partition.now += 3_600
    assert partition.looks(60, position=5) == []
