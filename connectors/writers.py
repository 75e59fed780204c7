"""The two ways to write records to Kafka step by step: as a transaction, or acknowledged."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import get_ident
from typing import Any, NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from connectors.client_log import SERVE_SECONDS, client_options, warn_that_kafka_is_away
from connectors.connection import Connection
from connectors.hanging import open_among
from connectors.records import Headers, OutputRecord
from connectors.refusals import denied
from connectors.stopping import stop_process
from monitoring import observe
from settings import Settings

__all__ = [
    "AcknowledgedWriter",
    "TransactionalWriter",
    "Writer",
    "open_transactional_writer",
    "open_writer",
]

# A broker away for less than this needs no restart; after it the broker ends the transaction.
TRANSACTION_TIMEOUT_SECONDS = 60
ATTEMPT_SECONDS = 5.0  # one try of a request that is tried again until the broker is back
# What a broker says to a producer that was replaced, or whose transaction it ended; and what the
# client says of records that it held for longer than a transaction may take.
FENCED = {
    KafkaError._FENCED,
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError._MSG_TIMED_OUT,
}

# What it says of records that are dropped because something else failed.
THROWN_AWAY = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}
SWEPT = b"swept"  # key of a record that is aborted at once; a compacted topic wants one
ACKNOWLEDGED = {"enable.idempotence": True, "message.timeout.ms": 0}

Step = Callable[[], None]
Stop = Callable[[str], NoReturn]


def open_writer(
    settings: Settings, transactional_id: str, place: str, configuration: dict[str, Any]
) -> "Writer":
    """Return a writer of the delivery guarantee that is set, ready to write.

    With exactly-once delivery, whoever wrote under this transactional id before can write no more.
    What can't be written ends the process.

    Args:
        settings: the process's settings.
        transactional_id: the same in every life of the flow; no two writers share one.
        place: what is written to, to begin an error's line with.
        configuration: of the producer, beyond what every writer needs.
    """
    if settings.delivery_guarantee == "exactly_once":
        return open_transactional_writer(
            settings, transactional_id, place, configuration, stop_process
        )
    connection = Connection(settings)
    producer = _producer(connection, ACKNOWLEDGED | configuration)
    return AcknowledgedWriter(producer, place, connection, stop_process)


def open_transactional_writer(
    settings: Settings,
    transactional_id: str,
    place: str,
    configuration: dict[str, Any],
    stop: Stop,
) -> "TransactionalWriter":
    """Return a writer of transactions; whoever wrote under this id before can write no more.

    Args:
        settings: the process's settings.
        transactional_id: as in open_writer.
        place: as in open_writer.
        configuration: as in open_writer.
        stop: called with one line for what can't be gone on from.
    """
    guarantee = {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_SECONDS * 1000,
    }
    connection = Connection(settings)
    producer = _producer(connection, guarantee | configuration)
    writer = TransactionalWriter(producer, place, connection, stop)
    writer.fence(max(settings.broker_wait_seconds, ATTEMPT_SECONDS))
    return writer


def _producer(connection: Connection, configuration: dict[str, Any]) -> Producer:
    return Producer(
        {
            **connection.librdkafka(),
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "delivery.report.only.error": True,
            "reconnect.backoff.max.ms": 2_000,
            **configuration,
        },
        **client_options(connection),
    )


class Writer(ABC):
    """Writes one thing at a time; the end of a write goes on while the next one is prepared.

    Args:
        producer: of this writer alone, ready to write.
        place: what is written to, to begin an error's line with.
        connection: the producer's.
        stop: called with one line for what can't be gone on from; may be called by a thread.
    """

    def __init__(self, producer: Producer, place: str, connection: Connection, stop: Stop) -> None:
        self._producer = producer
        self._place = place
        self._connection = connection
        self._stop_with = stop
        self._failures: list[KafkaError] = []
        # A thread, since waiting for the broker takes 30 ms in which the worker has work to do.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._pending: Future[None] | None = None
        self._worker = get_ident()  # the thread that waits for this writer

    def write(self, first: Step, then: Step | None = None, done: Step | None = None) -> None:
        """Take steps once what was written before is complete, and begin to complete them.

        Args:
            first: sends records; it is called before this returns.
            then: sends what must never be there without what `first` sent.
            done: called by another thread when both are complete.
        """
        self.wait()
        began = time.monotonic()
        self._failures.clear()
        self._begin(first, then)
        self._pending = self._executor.submit(self._finish, then, done, began)

    def wait(self) -> None:
        """Return when all that was sent is written.

        Raises:
            Exception: what `stop` raised meanwhile, if it doesn't end the process.
        """
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def close(self) -> None:
        """Return when all that was sent is written, and no thread is left."""
        self.wait()
        self._executor.shutdown()

    def send_all(self, topic: str, records: list[OutputRecord]) -> None:
        """Send records; to be called by a step."""
        queued = self._producer.produce_batch(topic, records, on_delivery=self._on_delivery)
        if queued != len(records):
            self._stop_if_failed()
            # The client writes into each record that it didn't take why that is.
            refused: list[Any] = [record["_error"] for record in records if "_error" in record]
            if refused[0].code() == KafkaError._QUEUE_FULL:
                self._stop_with(
                    f"{topic}: only {queued} of {len(records)} records fit the producer's queue: "
                    "set a smaller BATCH_SIZE"
                )
            self._stop(refused[0])

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | str | None,
        value: bytes | None,
        headers: Headers,
    ) -> None:
        """Send one record to a partition; to be called by a step."""
        try:
            self._producer.produce(
                topic,
                partition=partition,
                key=key,
                value=value,
                headers=list(headers),
                on_delivery=self._on_delivery,
            )
        except KafkaException as error:
            self._stop_if_failed()
            self._stop(error.args[0])

    @abstractmethod
    def sweep(self, places: Sequence[TopicPartition]) -> None:
        """See to it that what a former writer of this id left hanging there is never committed.

        Args:
            places: the partitions that it may have written to.
        """

    @abstractmethod
    def _begin(self, first: Step, then: Step | None) -> None:
        """Take the first step."""

    @abstractmethod
    def _complete(self, then: Step | None) -> None:
        """Return when both steps are written; runs in a thread of its own."""

    @abstractmethod
    def _stop_if_failed(self) -> None:
        """Stop with what made the producer fail for good, if it did; a refused record hides it."""

    def _finish(self, then: Step | None, done: Step | None, began: float) -> None:
        self._complete(then)
        observe.written(time.monotonic() - began)
        if done is not None:
            done()

    def _await_broker(self) -> None:
        observe.write_retried(self._worker)
        warn_that_kafka_is_away(self._connection.servers)

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _stop(self, error: KafkaError) -> NoReturn:
        """Stop with a line that says what happened and what to do."""
        # A commit tells how many records were not delivered; they themselves tell why.
        if any(one.code() in FENCED for one in (error, *self._failures)):
            observe.write_failed("fenced")
            self._stop_with(
                f"{self._place}: this process may write no more: another one took over, or it "
                "stood still for longer than a transaction may take; nothing is lost or there "
                "twice; start it again, unless another one has taken its place"
            )
        observe.write_failed("fatal")
        cause = _cause_of(error, self._failures)
        self._stop_with(
            f"{self._place}: writing failed: {cause.str()}{denied(cause)}; nothing is lost; "
            "start it again, and if it fails again, mend the cause first"
        )


class TransactionalWriter(Writer):
    """Writes both steps as one transaction: all or nothing."""

    def fence(self, seconds: float) -> None:
        """End what a former producer of this id left open; it can write no more.

        Args:
            seconds: how long to wait for a broker that is away.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self._producer.init_transactions(ATTEMPT_SECONDS)
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                if not cause.retriable() or time.monotonic() > deadline:
                    self._stop_with(
                        f"{self._place}: can't begin transactions: {cause.str()}{denied(cause)}"
                    )
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
            self._stop(error.args[0])
        first()
        if then is not None:
            then()

    def _stop_if_failed(self) -> None:
        try:  # of a producer that has failed for good this is no request: it says why, at once
            self._producer.abort_transaction(ATTEMPT_SECONDS)
        except KafkaException as error:
            if error.args[0].fatal():
                self._stop(error.args[0])

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
                    self._stop(error.args[0])
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
            self._stop(error.args[0])
        if self._failures:
            self._stop(self._failures[0])


def _cause_of(error: KafkaError, failures: list[KafkaError]) -> KafkaError:
    """Return why writing failed: the first record's own failure, if there was one before.

    Records that are thrown away because of an error only say so.
    """
    causes = (failure for failure in failures if not failure.retriable())
    return next((cause for cause in causes if cause.code() not in THROWN_AWAY), error)
