"""The two ways to write records to Kafka: as transactions, with fencing, or acknowledged."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from connectors.client_log import CONNECT_SECONDS, SERVE_SECONDS, client_options
from connectors.clients import RECONNECTING, open_producer
from connectors.connection import Connection
from connectors.hanging import open_among
from connectors.refusals import denied
from connectors.stopping import stop_process
from connectors.writer import Failure, Step, Stop, Writer
from settings import Settings

__all__ = [
    "AcknowledgedWriter",
    "TransactionalWriter",
    "fence_former_version",
    "make_transactional_id",
    "open_transactional_writer",
    "open_writer",
]

# A broker away for less than this needs no restart; after it the broker ends the transaction.
TRANSACTION_TIMEOUT_SECONDS = 60
ATTEMPT_SECONDS = 5.0  # one try of a request that is tried again until the broker is back
SWEPT = b"swept"  # key of a record that is aborted at once; a compacted topic wants one
LARGEST_BATCH = 1_000_000  # bytes; the client's default
LARGEST_REQUEST = 1_000_000_000  # bytes; the client takes no more
MOST_KBYTES = 2_147_483_647  # nor a larger queue than this
LINGER_MS = 100  # records are flushed at the end of a write: until then, gather
ACKNOWLEDGED = {"enable.idempotence": True, "message.timeout.ms": 0}


def make_transactional_id(settings: Settings, topic: str, part: int | str) -> str:
    """Return the transactional id for a part of a topic; empty without exactly-once delivery.

    Neither group nor topic has a slash in it, so no two parts share an id. With the hyphens of
    earlier versions group a-b with topic c did so with group a and topic b-c.
    """
    if settings.delivery_guarantee != "exactly_once":
        return ""
    return f"{settings.kafka_group_id}/{topic}/{part}"


def fence_former_version(
    settings: Settings, topic: str, part: int | str, places: Sequence[TopicPartition]
) -> None:
    """Fence a process of a version whose ids had hyphens, and abort its open transactions.

    Args:
        settings: the process's settings, of exactly-once delivery.
        topic: as in make_transactional_id.
        part: as in make_transactional_id.
        places: as in Writer.sweep.
    """
    former = f"{settings.kafka_group_id}-{topic}-{part}"
    writer = open_transactional_writer(settings, former, former, [], stop_process)
    writer.sweep(places)
    writer.close()


def open_writer(
    settings: Settings, transactional_id: str, place: str, limits: Sequence[int]
) -> Writer:
    """Return a writer of the delivery guarantee that is set, ready to write.

    With exactly-once delivery, whoever wrote under this transactional id before can write no more.
    What can't be written ends the process.

    Args:
        settings: the process's settings.
        transactional_id: the same in every life of the flow; no two writers share one.
        place: what is written to, to begin an error's line with.
        limits: for a batch of records, in bytes, of the topics that are written to.
    """
    if settings.delivery_guarantee == "exactly_once":
        return open_transactional_writer(settings, transactional_id, place, limits, stop_process)
    connection = Connection(settings)
    producer = _producer(connection, limits, ACKNOWLEDGED)
    return AcknowledgedWriter(producer, place, connection, stop_process)


def open_transactional_writer(
    settings: Settings,
    transactional_id: str,
    place: str,
    limits: Sequence[int],
    stop: Stop,
) -> "TransactionalWriter":
    """Return a writer of transactions; whoever wrote under this id before can write no more.

    Args:
        settings: the process's settings.
        transactional_id: as in open_writer.
        place: as in open_writer.
        limits: as in open_writer.
        stop: called with one line for what can't be gone on from.
    """
    guarantee = {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_SECONDS * 1000,
    }
    connection = Connection(settings)
    producer = _producer(connection, limits, guarantee)
    writer = TransactionalWriter(producer, place, connection, stop)
    writer.fence(max(settings.broker_wait_seconds, ATTEMPT_SECONDS))
    return writer


def _producer(connection: Connection, limits: Sequence[int], guarantee: dict[str, Any]) -> Producer:
    return open_producer(
        connection,
        {
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "delivery.report.only.error": True,
            **RECONNECTING,
            "linger.ms": LINGER_MS,
            "batch.size": min([LARGEST_BATCH, *limits]),
            # The broker judges a record by its size when compressed, so it has the last word.
            "message.max.bytes": min(LARGEST_REQUEST, max([LARGEST_BATCH, *limits])),
            # No limit: the records of one write, which are in memory already, bound the queue.
            "queue.buffering.max.messages": 0,
            "queue.buffering.max.kbytes": MOST_KBYTES,
            **guarantee,
        },
        **client_options(connection),
    )


class TransactionalWriter(Writer):
    """Writes both steps as one transaction: all or nothing."""

    def fence(self, seconds: float) -> None:
        """End what a former producer of this id left open; it can write no more.

        Args:
            seconds: how long to wait for a broker that is away.
        """
        deadline = time.monotonic() + seconds
        self._producer.poll(CONNECT_SECONDS)
        while True:
            try:
                return self._producer.init_transactions(ATTEMPT_SECONDS)
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                if not cause.retriable() or time.monotonic() > deadline:
                    why = f"{cause.str()}{denied(cause)}"
                    self._end("fatal", f"{self._place}: can't begin transactions: {why}")
                self._await_broker()

    def sweep(self, places: Sequence[TopicPartition]) -> None:
        """Write to each partition with an open transaction, and abort: what hung there is aborted.

        Nobody who reads committed records sees these. See connectors/hanging.py.
        """
        if hanging := open_among(places, self._connection):
            self._begin(lambda: self._touch(hanging))
            self._persist(lambda: self._producer.flush(ATTEMPT_SECONDS))
            self._persist(lambda: self._producer.abort_transaction(ATTEMPT_SECONDS))

    def _touch(self, places: Sequence[TopicPartition]) -> None:
        for place in places:
            self.send(place.topic, place.partition, SWEPT, None, [])

    def _begin(self, first: Step, then: Step | None = None) -> None:
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            self._stop(Failure(error.args[0]))
        first()
        if then is not None:
            then()

    def _stop_if_failed(self) -> None:
        try:  # of a producer that has failed for good this is no request: it says why, at once
            self._producer.abort_transaction(ATTEMPT_SECONDS)
        except KafkaException as error:
            if error.args[0].fatal():
                self._stop(Failure(error.args[0]))

    def _complete(self, _then: Step | None) -> None:
        self._persist(lambda: self._producer.commit_transaction(ATTEMPT_SECONDS))

    def _persist(self, attempt: Callable[[], int | None]) -> None:
        """Try until it is done: until nothing is left, where an attempt tells what is."""
        while True:
            try:
                if not attempt():
                    return
            except KafkaException as error:
                if not error.args[0].retriable():
                    self._stop(Failure(error.args[0]))
            self._await_broker()

    def _await_broker(self) -> None:
        self._producer.poll(SERVE_SECONDS)
        super()._await_broker()


class AcknowledgedWriter(Writer):
    """Writes the second step when the brokers have acknowledged all of the first."""

    def sweep(self, _places: Sequence[TopicPartition]) -> None:
        """Do nothing: without transactions none can hang."""

    def _begin(self, first: Step, _then: Step | None) -> None:
        first()

    def _complete(self, then: Step | None) -> None:
        self._flush()
        if then is not None:
            then()
            self._flush()

    def _stop_if_failed(self) -> None:
        """Do nothing: nobody takes over from this producer, and a refused record says enough."""

    def _flush(self) -> None:
        # The client tries again by itself, without end, until the broker is back.
        try:
            while self._producer.flush(ATTEMPT_SECONDS):
                self._await_broker()
        except KafkaException as error:
            self._stop(Failure(error.args[0]))
        if self._failures:
            self._stop(self._failures[0])
