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
    "fence_previous_version",
    "make_transactional_id",
    "open_transactional_writer",
    "open_writer",
]

# If the broker is away for less than this, no restart is needed; after it, it aborts the
# transaction.
TRANSACTION_TIMEOUT_SECONDS = 60
ATTEMPT_SECONDS = 5.0  # one try of a request that is tried again until the broker is back
SWEPT = b"swept"  # key of a record that is aborted at once; a compacted topic requires one
LARGEST_BATCH = 1_000_000  # bytes; the client's default
LARGEST_REQUEST = 1_000_000_000  # bytes; the client takes no more
MAX_QUEUE_KBYTES = 2_147_483_647  # the client takes no more
LINGER_MS = 100  # a write ends with a flush: until then, collect records
ACKNOWLEDGED = {"enable.idempotence": True, "message.timeout.ms": 0}


def make_transactional_id(settings: Settings, topic: str, part: int | str) -> str:
    """Return the transactional id for a part of a topic; empty without exactly-once delivery.

    Neither group nor topic contains a slash, so no two parts share an id. With the hyphens of
    earlier versions, group a-b with topic c had the same id as group a with topic b-c.
    """
    if settings.delivery_guarantee != "exactly_once":
        return ""
    return f"{settings.kafka_group_id}/{topic}/{part}"


def fence_previous_version(
    settings: Settings, topic: str, part: int | str, places: Sequence[TopicPartition]
) -> None:
    """Fence a process of a version whose ids had hyphens, and abort its open transactions.

    Args:
        settings: the process's settings, of exactly-once delivery.
        topic: as in make_transactional_id.
        part: as in make_transactional_id.
        places: as in Writer.abort_hanging.
    """
    previous_id = f"{settings.kafka_group_id}-{topic}-{part}"
    writer = open_transactional_writer(settings, previous_id, previous_id, [], stop_process)
    writer.abort_hanging(places)
    writer.close()


def open_writer(
    settings: Settings, transactional_id: str, place: str, limits: Sequence[int]
) -> Writer:
    """Return a writer for the configured delivery guarantee, ready to write.

    With exactly-once delivery, a previous writer with this transactional id is fenced. An
    unrecoverable error ends the process.

    Args:
        settings: the process's settings.
        transactional_id: the same in every run of the flow; no two writers share one.
        place: what is written to; an error's line begins with it.
        limits: of the topics that are written to, for a batch of records, in bytes.
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
    """Return a writer of transactions; a previous writer with this id is fenced.

    Args:
        settings: the process's settings.
        transactional_id: as in open_writer.
        place: as in open_writer.
        limits: as in open_writer.
        stop: called with one line when an error is unrecoverable.
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
            # The broker decides by a record's compressed size, so the client must let larger ones
            # pass.
            "message.max.bytes": min(LARGEST_REQUEST, max([LARGEST_BATCH, *limits])),
            # No limit: the queue holds one write's records, which are in memory already.
            "queue.buffering.max.messages": 0,
            "queue.buffering.max.kbytes": MAX_QUEUE_KBYTES,
            **guarantee,
        },
        **client_options(connection),
    )


class TransactionalWriter(Writer):
    """Makes each write one transaction: all or nothing."""

    def fence(self, seconds: float) -> None:
        """Abort what a previous producer with this id left open, and fence it.

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

    def abort_hanging(self, places: Sequence[TopicPartition]) -> None:
        """Write to each partition with a hanging transaction, and abort: that aborts both.

        Readers of committed records never see these writes. See connectors/hanging.py.
        """
        if hanging := open_among(places, self._connection):
            self._begin(lambda: self._touch(hanging))
            self._persist(lambda: self._producer.flush(ATTEMPT_SECONDS))
            self._persist(lambda: self._producer.abort_transaction(ATTEMPT_SECONDS))

    def _touch(self, places: Sequence[TopicPartition]) -> None:
        for place in places:
            self.send(place.topic, place.partition, SWEPT, None, [])

    def _begin(self, send: Step, after: Step | None = None) -> None:
        try:
            self._producer.begin_transaction()
        except KafkaException as error:
            self._stop(Failure(error.args[0]))
        send()
        if after is not None:
            after()

    def _stop_if_failed(self) -> None:
        try:  # after a fatal error this sends no request: it raises that error at once
            self._producer.abort_transaction(ATTEMPT_SECONDS)
        except KafkaException as error:
            if error.args[0].fatal():
                self._stop(Failure(error.args[0]))

    def _complete(self, _after: Step | None) -> None:
        self._persist(lambda: self._producer.commit_transaction(ATTEMPT_SECONDS))

    def _persist(self, attempt: Callable[[], int | None]) -> None:
        """Try until an attempt succeeds, and returns nothing that is left to do."""
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
    """Takes the second step when the brokers have acknowledged everything from the first."""

    def abort_hanging(self, _places: Sequence[TopicPartition]) -> None:
        """Do nothing: there are no transactions that could hang."""

    def _begin(self, send: Step, _after: Step | None) -> None:
        send()

    def _complete(self, after: Step | None) -> None:
        self._flush()
        if after is not None:
            after()
            self._flush()

    def _stop_if_failed(self) -> None:
        """Do nothing: such a producer isn't fenced, and a rejected record's error says enough."""

    def _flush(self) -> None:
        # The client retries by itself, endlessly, until the broker is back.
        try:
            while self._producer.flush(ATTEMPT_SECONDS):
                self._await_broker()
        except KafkaException as error:
            self._stop(Failure(error.args[0]))
        if self._failures:
            self._stop(self._failures[0])
