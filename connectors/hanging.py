"""Hanging transactions: records that a broker neither committed nor aborted when it should have.

A broker that starts again after a crash may see its partitions without a leader just when it ends a
transaction that was open. Kafka (4.3.1) then takes the partitions for deleted and writes no marker
there ("Couldn't find leader endpoint" in its log). The records stay open, unseen, until their
producer writes there again: that commit would cover them too, and they would be there twice.
"""

import time
from collections.abc import Sequence

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from connectors.client_log import CONNECT_SECONDS, client_options
from connectors.clients import AdminClient, open_admin
from connectors.connection import Connection
from connectors.refusals import denied
from connectors.stopping import stop_process

__all__ = ["open_among"]

REQUEST_SECONDS = 5.0
POLL_SECONDS = 0.2
DEADLINE_SECONDS = 60.0  # a broker that is starting needs a while to load what it has


def open_among(places: Sequence[TopicPartition], connection: Connection) -> list[TopicPartition]:
    """Return those partitions that hold an open transaction, whoever's it is.

    Args:
        places: partitions that exist; to ask takes the permission to describe their topics.
        connection: where the brokers are and how to log in there.
    """
    # librdkafka 2.x remembers a leader's epoch for good, and a restarted broker refuses an old one:
    # a client for each question.
    with open_admin(connection, **client_options(connection)) as admin:
        admin.poll(CONNECT_SECONDS)
        return _ask(admin, places)


def _ask(admin: AdminClient, places: Sequence[TopicPartition]) -> list[TopicPartition]:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            stable = _ends(admin, places, IsolationLevel.READ_COMMITTED)
            ends = _ends(admin, places, IsolationLevel.READ_UNCOMMITTED)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if denied(cause) or time.monotonic() > deadline:
                stop_process(
                    f"can't see whether transactions are open: {cause.str()}{denied(cause)}"
                )
            admin.poll(POLL_SECONDS)
        else:
            found = zip(places, stable, ends, strict=True)
            return [place for place, before, end in found if before < end]


def _ends(admin: AdminClient, places: Sequence[TopicPartition], level: IsolationLevel) -> list[int]:
    """Return each partition's end as a reader of that isolation level sees it."""
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    wanted = dict.fromkeys(places, latest)
    asked = admin.list_offsets(wanted, isolation_level=level, request_timeout=REQUEST_SECONDS)
    return [asked[place].result().offset for place in places]
