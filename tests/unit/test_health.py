"""When a process counts as alive and as ready."""

from threading import Thread

import pytest

from monitoring.health import SILENT_SECONDS, STUCK_SECONDS, Health
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still by itself."""
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    """Health of a process that has polled its partition 3 once, and had an answer from Kafka."""
    health = Health(clock)
    health.assigned(3)
    health.polled(3)
    health.broker_answered()
    return health


def pass_time(health: Health, clock: Clock, seconds: float) -> None:
    """Let time go by in which brokers answer."""
    end = clock.now + seconds
    while clock.now < end:
        clock.now = min(clock.now + 5, end)
        health.broker_answered()


def test_a_start_lives_but_is_not_ready() -> None:
    """However long it waits for Kafka: it ends by itself when its time is up."""
    health = Health()
    assert health.stuck() is None
    assert health.unready() == "no input partition is assigned yet"


def test_ready_means_that_each_partition_was_polled(health: Health) -> None:
    """A partition that was assigned and not polled yet is named."""
    assert health.unready() is None
    health.assigned(7)
    assert health.unready() == "input partitions not polled yet: 7"
    health.polled(7)
    assert health.unready() is None


def test_a_worker_that_neither_polls_nor_tries_is_stuck(health: Health, clock: Clock) -> None:
    """It is given some minutes."""
    pass_time(health, clock, STUCK_SECONDS)
    assert health.stuck() is None
    pass_time(health, clock, 1)
    assert health.stuck() == "a worker has been stuck for 301 seconds, though Kafka answers"


def test_one_worker_does_not_hide_that_another_is_stuck(health: Health, clock: Clock) -> None:
    """Each thread is checked by itself."""
    pass_time(health, clock, STUCK_SECONDS + 1)
    other = Thread(target=health.polled, args=[4])
    other.start()
    other.join()
    assert health.stuck() is not None


def test_a_worker_that_waits_for_kafka_lives(health: Health, clock: Clock) -> None:
    """Its writer tries again in a thread of its own, in the worker's name."""
    [worker] = health._last_polls
    for _ in range(100):
        pass_time(health, clock, 5)
        health.waits_for_kafka(worker)
    assert health.stuck() is None


def test_while_kafka_is_away_no_worker_is_stuck(health: Health, clock: Clock) -> None:
    """A worker with nothing to write stands still until the others of its cluster can write."""
    clock.now += 10 * STUCK_SECONDS
    assert health.stuck() is None
    assert health.unready() == f"no broker has answered for {SILENT_SECONDS:.0f} seconds"
    health.broker_answered()
    assert health.unready() is None
    pass_time(health, clock, STUCK_SECONDS)
    assert health.stuck() is None
    pass_time(health, clock, 1)
    assert health.stuck() is not None


def test_a_try_before_the_first_poll_starts_no_clock(clock: Clock) -> None:
    """A start that takes long after its first request is not ended for it."""
    health = Health(clock)
    health.waits_for_kafka(1)
    pass_time(health, clock, STUCK_SECONDS + 1)
    assert health.stuck() is None


def test_a_worker_whose_input_has_ended_is_not_stuck(health: Health, clock: Clock) -> None:
    """It still writes what is left."""
    health.ended()
    pass_time(health, clock, STUCK_SECONDS + 1)
    assert health.stuck() is None


def test_a_process_that_drains_is_not_ready(health: Health) -> None:
    """Nobody should wait for it any more."""
    health.drains_when(lambda: True)
    assert health.unready() == "draining"
