"""Where partitions end: requested from the brokers without blocking."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from connectors.clients import AdminClient

__all__ = ["EARLIEST", "LATEST", "CommittedEnd", "PartitionEnds", "request_offsets"]

REQUEST_SECONDS = 5.0  # after this, a request counts as unanswered
EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


def request_offsets(
    admin: AdminClient,
    places: Iterable[TopicPartition],
    seconds: float,
    which: OffsetSpec = LATEST,
    level: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> dict[TopicPartition, Future[Any]]:
    """Ask for one offset of each partition, in one request to each broker.

    Args:
        admin: the client; it has to stay open until it has the answers.
        places: partitions that exist.
        seconds: after which the request counts as unanswered.
        which: LATEST or EARLIEST.
        level: as a reader of that isolation level sees the log.
    """
    wanted = dict.fromkeys(places, which)
    return admin.list_offsets(wanted, isolation_level=level, request_timeout=seconds)


@dataclass(frozen=True, slots=True)
class CommittedEnd:
    """Where a partition ended when the broker was asked.

    Attributes:
        asked_at: when the request was sent; everything committed before then is below the offset.
        offset: after the last record that a reader of committed records can see.
    """

    asked_at: float
    offset: int


class PartitionEnds:
    """Requests the ends of all of a worker's partitions at once, while the worker continues.

    The answer arrives in one of the client's threads, and a later call returns it.

    Args:
        open_client: opens an admin client; called when there is something to request.
        topic: that all partitions belong to.
        seconds: between two requests.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        open_client: Callable[[], AdminClient],
        topic: str,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._open_client = open_client
        self._topic = topic
        self._seconds = seconds
        self._clock = clock
        self._client: AdminClient | None = None
        self._wanted: set[int] = set()
        self._asked_at = clock()
        self._answers: dict[TopicPartition, Future[Any]] = {}
        self._ends: dict[int, CommittedEnd] = {}

    def of(self, partition: int) -> CommittedEnd | None:
        """Return the newest answer, None before the first, and request a newer one when due."""
        self._wanted.add(partition)
        if all(answer.done() for answer in self._answers.values()):
            self._take_answers()
        if not self._answers and self._clock() - self._asked_at >= self._seconds:
            self._ask()
        return self._ends.get(partition)

    def close(self) -> None:
        """Close the client, and abandon an unanswered request; the next one opens a new client."""
        if self._client:
            self._client.close()
        self._client = None
        self._answers = {}

    def _ask(self) -> None:
        self._client = self._client or self._open_client()
        self._client.poll(0)  # serves the client's log lines and errors
        wanted, self._wanted = self._wanted, set()
        self._asked_at = self._clock()
        places = [TopicPartition(self._topic, partition) for partition in wanted]
        self._answers = request_offsets(self._client, places, REQUEST_SECONDS)

    def _take_answers(self) -> None:
        answers, self._answers = self._answers, {}
        for place, answer in answers.items():
            if answer.exception() is None:
                self._ends[place.partition] = CommittedEnd(self._asked_at, answer.result().offset)
            else:
                # librdkafka 2.x remembers a leader's epoch for good, and a broker that was
                # restarted refuses an old one: so the next request gets a new client.
                self.close()
