"""Reading the dead-letter topic, and the markers that say which dead letters were replayed."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import Event

from confluent_kafka import TopicPartition

from connectors.client_log import client_options
from connectors.committed import CommittedReader, open_committed_consumer
from connectors.connection import Connection
from console import progress_bar
from dlq.dead_letter import DeadLetter, read_dead_letter
from dlq.markers import MarkerError, ReplayedLetters
from dlq.output import fail
from dlq.selection import Selection
from dlq.topics import DeadLetterTopic
from settings import Settings

__all__ = ["open_reader", "read_replayed", "read_selected"]


@contextmanager
def open_reader(settings: Settings, draining: Event) -> Iterator[CommittedReader]:
    """Give a reader that raises CommandError where it can't continue, until `draining` is set."""
    connection = Connection(settings)
    with open_committed_consumer(connection, **client_options(connection)) as consumer:
        yield CommittedReader(consumer, fail, draining)


def read_replayed(reader: CommittedReader, topic: DeadLetterTopic) -> ReplayedLetters:
    """Return which dead letters were replayed, according to the markers.

    Raises:
        CommandError: they can't be read, or there is a record that isn't a marker.
    """
    replayed = ReplayedLetters(topic.name, topic.id)
    if not topic.has_markers:
        return replayed
    low, end = reader.bounds(topic.markers, 0)
    for record in reader.read(TopicPartition(topic.markers, 0, low), end):
        try:
            if (value := record.value()) is not None:
                replayed.load(value)
        except MarkerError as error:
            fail(f"topic {topic.markers} can't be used, it holds {error}: is its name right?")
    return replayed


def read_selected(
    reader: CommittedReader, topic: DeadLetterTopic, selection: Selection
) -> Generator[DeadLetter, None, None]:
    """Yield the selected dead letters up to the topic's end as of now, by partition and offset.

    A replayed record that fails again is a new dead letter after that end, so that no run meets
    its own.

    Raises:
        CommandError: they can't be read.
    """
    bounds = (reader.bounds(topic.name, partition) for partition in range(topic.partitions))
    parts = [selection.to_read(partition, *found) for partition, found in enumerate(bounds)]
    done = 0
    with progress_bar(sum(map(len, parts))) as show:
        for partition, part in enumerate(parts):
            begin = TopicPartition(topic.name, partition, part.start)
            for record in reader.read(begin, part.stop):
                show(done + record.offset() - part.start)
                letter = read_dead_letter(record, partition)
                if selection.selects(letter):
                    yield letter
            done += len(part)
            show(done)
