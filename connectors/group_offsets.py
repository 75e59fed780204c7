"""The group's offsets, committed for lag tools only: nothing here reads them."""

import time
from threading import Condition, Thread

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import AuthorizationError, KafkaError
from kafka.structs import OffsetAndMetadata

from background import run_in_background
from connectors.connection import Connection
from connectors.refusals import LACKS_PERMISSION
from connectors.stopping import stop_process
from connectors.topics import FlowTopics
from settings import Settings

__all__ = ["GroupOffsets"]

REQUEST_SECONDS = 5.0
# How long an ending process waits for the answers to its last commits, for all partitions together.
LAST_ANSWERS_SECONDS = 3.0


class GroupOffsets:
    """Commits how far one process has processed its input and written the outputs.

    Not with librdkafka: its consumers' commit, and then even their close, waits endlessly for a
    group coordinator that is away, and its admin client aborts the process when a request to a
    coordinator fails in transit (https://github.com/confluentinc/librdkafka/pull/5397).

    Args:
        settings: the process's settings.
        topics: the flow's topics, as found at start.
    """

    def __init__(self, settings: Settings, topics: FlowTopics) -> None:
        self._connection = Connection(settings)
        self._group = settings.kafka_group_id
        self._topic = topics.input
        self._changed = Condition()
        self._newest: dict[int, int] = {}
        self._read_to: dict[int, tuple[int, int]] = {}
        self._written: dict[int, int] = {}
        self._committing = False
        self._thread: Thread | None = None
        self._deadline: float | None = None

    def read_to(self, partition: int, emitted: int, position: int) -> None:
        """Note that everything received from a partition was emitted.

        Transaction markers and aborted records take offsets, but are never emitted: without this, a
        lag tool would count them as unprocessed until a later record is written.

        Args:
            partition: of the input.
            emitted: the offset after the last record that was emitted.
            position: the next offset to read; there is no record between the two.
        """
        self._read_to[partition] = (emitted, position)

    def wrote(self, partition: int, offset: int) -> None:
        """Note that all outputs before an input offset are written; any thread may call this."""
        self._written[partition] = offset

    def is_written(self, partition: int, offset: int) -> bool:
        """Tell whether all outputs before an input offset are known to be written."""
        return self._written.get(partition, 0) >= offset

    def processed_to(self, partition: int, written: int) -> int:
        """Return the offset up to which a partition is fully processed.

        Args:
            partition: of the input.
            written: the offset after the last one whose outputs are written.
        """
        emitted, position = self._read_to.get(partition, (written, written))
        return max(written, position) if written >= emitted else written

    def commit(self, partition: int, offset: int, *, last: bool = False) -> None:
        """Commit, in the background, that all outputs before an input offset are written.

        A failed commit is ignored: another member of the group, or a coordinator that is away, is
        no reason to stop, and the next commit makes up for it. Only a missing permission stops the
        process: lag tools would see no progress.

        Args:
            partition: of the input.
            offset: after the last one whose outputs are written.
            last: wait for the answer, but not for long, since no later commit follows.
        """
        with self._changed:
            self._newest[partition] = self.processed_to(partition, offset)
            if self._thread is None:
                # A daemon thread: lag tools are no reason to keep a process alive.
                self._thread = run_in_background("group-offsets", self._commit_newest)
            self._changed.notify_all()
            if last:
                self._deadline = self._deadline or time.monotonic() + LAST_ANSWERS_SECONDS
                seconds = max(0.0, self._deadline - time.monotonic())
                self._changed.wait_for(lambda: not (self._newest or self._committing), seconds)

    def _commit_newest(self) -> None:
        admin: KafkaAdminClient | None = None
        while True:
            offsets = self._next_offsets()
            try:
                admin = admin or self._connect()
                _alter(admin, self._group, offsets)
            except AuthorizationError as error:
                stop_process(
                    f"group {self._group}: can't commit offsets: {error}{LACKS_PERMISSION}"
                )
            except (KafkaError, OSError, ValueError):
                # A client may not find brokers that came back at another address: open a new one.
                if admin is not None:
                    admin.close()
                admin = None

    def _next_offsets(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """Mark the last ones as done, and wait for more."""
        with self._changed:
            self._committing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._newest)
            offsets, self._newest = self._newest, {}
            self._committing = True
        return {
            TopicPartition(self._topic, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }

    def _connect(self) -> KafkaAdminClient:
        milliseconds = int(REQUEST_SECONDS * 1000)
        return KafkaAdminClient(
            **self._connection.kafka_python(),
            bootstrap_timeout_ms=milliseconds,
            request_timeout_ms=milliseconds,
        )


def _alter(
    admin: KafkaAdminClient, group: str, offsets: dict[TopicPartition, OffsetAndMetadata]
) -> None:
    """Commit offsets.

    Raises:
        KafkaError: the broker didn't take those of the group, or of one of the partitions.
    """
    for place, error in admin.alter_group_offsets(group, offsets).items():
        if issubclass(error, AuthorizationError):
            raise error(f"{place.topic}, partition {place.partition}")
