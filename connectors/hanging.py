"""Open transactions: which partitions they hold back, and how many offsets of each.

Some are hanging: a broker neither committed nor aborted them when it should have. A broker that
restarts after a crash may see its partitions without a leader while it ends a transaction that was
open. Kafka (4.3.1) then considers the partitions deleted and writes no marker there ("Couldn't find
leader endpoint" in its log). The records stay open, unseen, until their producer writes there
again: that commit would include them, and they would be duplicated.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition

from connectors.client_log import CONNECT_SECONDS, client_options
from connectors.clients import AdminClient, open_admin
from connectors.connection import Connection
from connectors.partition_ends import request_offsets
from connectors.refusals import denied
from connectors.stopping import stop_process

__all__ = ["LogEnd", "log_ends", "open_among"]

REQUEST_SECONDS = 5.0
POLL_SECONDS = 0.2
DEADLINE_SECONDS = 60.0  # a starting broker needs a while to load its data


@dataclass(frozen=True)
class LogEnd:
    """Where a partition ended when the broker was asked.

    Attributes:
        committed: the offset after the last record that readers of committed records can see. An
            open transaction also holds back what others wrote after its first record.
        written: the offset after the last record.
    """

    committed: int
    written: int

    @property
    def held_back(self) -> int:
        """How many offsets an open transaction holds back."""
        return max(0, self.written - self.committed)


def open_among(places: Sequence[TopicPartition], connection: Connection) -> list[TopicPartition]:
    """Return the partitions that have an open transaction, of any producer.

    Args:
        places: as in log_ends.
        connection: as in log_ends.
    """
    return [place for place, end in log_ends(places, connection).items() if end.held_back]


def log_ends(
    places: Sequence[TopicPartition], connection: Connection
) -> dict[TopicPartition, LogEnd]:
    """Return where partitions end, for readers of committed records and for all readers.

    A broker that doesn't answer, or refuses, ends the process with one line.

    Args:
        places: existing partitions; this needs permission to describe their topics.
        connection: to the brokers.
    """
    # librdkafka 2.x remembers a leader's epoch for good, and a restarted broker refuses an old one:
    # so each request gets a new client.
    with open_admin(connection, **client_options(connection)) as admin:
        admin.poll(CONNECT_SECONDS)
        return _ask(admin, places)


def _ask(admin: AdminClient, places: Sequence[TopicPartition]) -> dict[TopicPartition, LogEnd]:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            # In this order: records written in between must not appear to be held back.
            written = _ends(admin, places, IsolationLevel.READ_UNCOMMITTED)
            committed = _ends(admin, places, IsolationLevel.READ_COMMITTED)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if denied(cause) or time.monotonic() > deadline:
                stop_process(
                    f"can't see whether transactions are open: {cause.str()}{denied(cause)}"
                )
            admin.poll(POLL_SECONDS)
        else:
            return dict(zip(places, map(LogEnd, committed, written), strict=True))


def _ends(admin: AdminClient, places: Sequence[TopicPartition], level: IsolationLevel) -> list[int]:
    """Return each partition's end as a reader of that isolation level sees it."""
    asked = request_offsets(admin, places, REQUEST_SECONDS, level=level)
    return [asked[place].result().offset for place in places]
