"""Questions where partitions end: one for all of a worker's, and none that is waited for."""

from collections.abc import Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition

from connectors.clients import AdminClient
from connectors.partition_ends import CommittedEnd, PartitionEnds

SECONDS = 6.0


class Brokers:
    """Brokers that answer when a test lets them.

    Attributes:
        now: the clock.
        closed: how many clients were closed.
        clients: how many were opened.
        questions: the partitions of each question.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.clients = 0
        self.closed = 0
        self.questions: list[list[int]] = []
        self._open: dict[TopicPartition, Future[Any]] = {}
        self.ends = PartitionEnds(self._open_client, "logins", SECONDS, lambda: self.now)

    def _open_client(self) -> AdminClient:
        self.clients += 1
        return cast("AdminClient", self)

    def close(self) -> None:
        """Be closed."""
        self.closed += 1

    def poll(self, _seconds: float) -> None:
        """Serve nothing."""

    def list_offsets(
        self,
        wanted: dict[TopicPartition, Any],
        *,
        isolation_level: IsolationLevel,
        request_timeout: float,
    ) -> dict[TopicPartition, Future[Any]]:
        """Take a question."""
        assert isolation_level == IsolationLevel.READ_COMMITTED
        assert request_timeout > 0
        self.questions.append(sorted(place.partition for place in wanted))
        self._open = {place: Future() for place in wanted}
        return self._open

    def answer(self, offset: int) -> None:
        """Answer for every partition."""
        for future in self._open.values():
            future.set_result(SimpleNamespace(offset=offset))

    def fail(self) -> None:
        """Refuse the question."""
        for future in self._open.values():
            future.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))

    def ask(self, now: float, partitions: Sequence[int] = (0,)) -> list[CommittedEnd | None]:
        """Return what is known of each partition's end at a time."""
        self.now = now
        return [self.ends.of(partition) for partition in partitions]


def test_answer_is_there_at_a_later_call() -> None:
    """With the time of the question, not that of the answer."""
    brokers = Brokers()
    assert brokers.ask(6) == [None]
    assert brokers.ask(6.5) == [None]
    brokers.answer(42)
    assert brokers.ask(7) == [CommittedEnd(6, 42)]


def test_nothing_is_asked_before_its_time() -> None:
    """Neither at the start, nor soon after an answer, nor while a question is open."""
    brokers = Brokers()
    brokers.ask(5.9)
    assert brokers.clients == 0
    brokers.ask(6)
    brokers.ask(13)
    assert len(brokers.questions) == 1
    brokers.answer(1)
    brokers.ask(13.5)
    brokers.answer(1)
    brokers.ask(19)
    assert len(brokers.questions) == 2


def test_all_partitions_of_a_worker_are_one_question() -> None:
    """Those that were looked at since the last one; the others need no answer."""
    brokers = Brokers()
    brokers.ask(1, [0, 1, 2])
    brokers.ask(6)
    brokers.answer(1)
    brokers.ask(7, [2])
    brokers.ask(12, [0])
    assert brokers.questions == [[0, 1, 2], [0, 2]]


def test_failed_question_keeps_the_last_answer_and_the_next_one_has_a_client_of_its_own() -> None:
    """A client that saw its broker restart would be refused for good."""
    brokers = Brokers()
    brokers.ask(6)
    brokers.answer(42)
    brokers.ask(12)
    brokers.fail()
    assert brokers.ask(17) == [CommittedEnd(6, 42)]
    assert (brokers.clients, brokers.closed) == (1, 1)
    brokers.ask(18)
    brokers.answer(43)
    assert brokers.ask(19) == [CommittedEnd(18, 43)]
    assert (brokers.clients, brokers.closed) == (2, 1)


def test_closing_lets_go_of_the_client_and_of_an_open_question() -> None:
    """Another partition of the worker may still ask, and is answered."""
    brokers = Brokers()
    brokers.ends.close()
    brokers.ask(6)
    brokers.ends.close()
    brokers.ends.close()
    assert brokers.closed == 1
    brokers.ask(12)
    brokers.answer(43)
    assert brokers.ask(13) == [CommittedEnd(12, 43)]
