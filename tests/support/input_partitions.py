"""A worker's input partitions over a client that has certain messages, without a broker."""

import time
from collections.abc import Sequence
from threading import Event
from typing import NoReturn, cast

from confluent_kafka import OFFSET_INVALID, Consumer, Message, TopicPartition

from connectors.fair_polling import FairPolling
from connectors.group_offsets import GroupOffsets
from connectors.input_partition import EndOffsets, InputPartition, SharedReading
from connectors.partition_ends import PartitionEnds
from connectors.resume import Position
from connectors.topics import FlowTopics
from connectors.worker_consumer import WorkerConsumer
from settings import Settings

__all__ = ["FLOW_TOPICS", "open_partitions"]

FLOW_TOPICS = FlowTopics(
    input="logins",
    input_id="id",
    partitions=1,
    output="processed",
    output_partitions=1,
    dead_letters="dead",
    progress="progress",
    upserts="upserts",
    upsert_partitions=1,
    largest_output=1_000_000,
    largest_dead_letter=1_000_000,
    largest_upsert=1_000_000,
)
LATER_SECONDS = 3_600.0  # nothing is asked before


def open_partitions(
    messages: Sequence[Message],
    numbers: Sequence[int],
    batch_size: int,
    limit: int,
    ends: PartitionEnds | None = None,
    end: EndOffsets | None = None,
) -> list[InputPartition]:
    """Open partitions of one worker.

    Args:
        messages: what the client has to give, in this order.
        numbers: the partitions'.
        batch_size: the flow's setting.
        limit: how many records the worker takes on at a time.
        ends: tells where partitions end; by default nothing is asked.
        end: where partitions end, if anywhere.
    """
    settings = Settings(batch_size=batch_size)
    polling = FairPolling(limit)
    ends = ends or PartitionEnds(_no_client, "logins", LATER_SECONDS, time.monotonic)
    consumer = WorkerConsumer(cast("Consumer", _Client(messages)), "logins", limit)
    for number in numbers:
        consumer.begin(number, 0)
    return [
        InputPartition(
            TopicPartition("logins", number),
            Position(offset=0, start=0),
            {"version": 1, "topic_id": "id", "start": 0, "next_offset": None},
            settings,
            SharedReading(
                consumer,
                ends,
                end or EndOffsets(),
                polling,
                Event(),
                GroupOffsets(settings, FLOW_TOPICS),
            ),
        )
        for number in numbers
    ]


def _no_client() -> NoReturn:
    raise AssertionError("asked for an end")


class _Client:
    """The client's part that reading takes."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = list(messages)
        self._positions: dict[int | None, int] = {}

    def incremental_assign(self, _begin: list[TopicPartition]) -> None:
        """Be ready."""

    def incremental_unassign(self, _partitions: list[TopicPartition]) -> None:
        """Keep how far they were read until more is received.

        The real client forgets it at some time after it was told to.
        """

    def pause(self, _partitions: list[TopicPartition]) -> None:
        """Have nothing more to give."""
        self._messages = []

    def consume(self, count: int, _seconds: float) -> list[Message]:
        """Return as many messages as are asked for, if there are so many."""
        taken, self._messages = self._messages[:count], self._messages[count:]
        self._positions.update(
            (one.partition(), (one.offset() or 0) + 1) for one in taken if one.error() is None
        )
        return taken

    def position(self, where: list[TopicPartition]) -> list[TopicPartition]:
        """Return the offset after the last record received, none before the first."""
        return [
            TopicPartition(
                place.topic, place.partition, self._positions.get(place.partition, OFFSET_INVALID)
            )
            for place in where
        ]

    def close(self) -> None:
        """Be closed."""

    def get_watermark_offsets(self, _where: TopicPartition, *, cached: bool) -> tuple[int, int]:
        """Know no end yet."""
        assert cached
        return -1, -1
