"""How far the outputs of an input partition are written, according to the progress topic."""

import msgspec

from connectors.client_log import client_options
from connectors.committed import CommittedReader, open_committed_consumer
from connectors.connection import Connection
from connectors.stopping import stop_process
from connectors.topics import FlowTopics
from models import Progress

__all__ = ["ProgressReader", "progress_key"]

SILENCE_SECONDS = 60.0  # a starting broker needs a while to load its data


def progress_key(topic: str, partition: int) -> str:
    """Return the key of an input partition's progress records."""
    return f"{topic}/{partition}"


class ProgressReader:
    """Reads the last committed progress record of input partitions."""

    def __init__(self, connection: Connection, topics: FlowTopics) -> None:
        self._topics = topics
        self._connection = connection

    def last(self, partition: int) -> Progress | None:
        """Return a partition's last committed progress, or None when there is none yet.

        A record of another input topic, or of a deleted topic with the same name, stops the
        process: its offsets mean nothing here.
        """
        callbacks = client_options(self._connection)
        with open_committed_consumer(self._connection, **callbacks) as consumer:
            reader = CommittedReader(consumer, stop_process, silence_seconds=SILENCE_SECONDS)
            value = reader.last(self._topics.progress, partition)
        return None if value is None else self._checked(value, partition)

    def _checked(self, value: bytes, partition: int) -> Progress:
        topics = self._topics
        try:
            progress = msgspec.json.decode(value, type=Progress)
        except msgspec.DecodeError:
            stop_process(
                f"topic {topics.progress} holds a record that is not a progress record: use "
                "another KAFKA_GROUP_ID"
            )
        if progress.topic != topics.input or progress.topic_id != topics.input_id:
            stop_process(
                f"topic {topics.progress} belongs to another input ({progress.topic}, id "
                f"{progress.topic_id}) than {topics.input}, id {topics.input_id}: a recreated "
                "topic, or another INPUT_TOPIC, needs a new KAFKA_GROUP_ID and recovery folder"
            )
        if progress.partition != partition:
            stop_process(
                f"topic {topics.progress}, partition {partition}, holds the progress of partition "
                f"{progress.partition}: it was written by something else; use a new KAFKA_GROUP_ID"
            )
        return progress
