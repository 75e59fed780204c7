"""Quix Streams, exactly once, no windows: fewer duties than the flow has.

    PYTHON -m benchmarks.quix

It wants another version of the client, so it runs in a virtual environment of its own: see
`environments.py`. Windows by anything else than the message's key would need a topic in between.
"""

import os
from typing import Any

from quixstreams import Application
from quixstreams.models import TopicConfig
from quixstreams.models.serializers import SerializationContext, Serializer

from benchmarks.feed import PARTITIONS
from benchmarks.per_message import process, to_json
from models import ProcessedLogin

__all__ = ["main"]

COMMIT_SECONDS = 1.0  # as often as the flow takes a snapshot


class _Json(Serializer):  # type: ignore[misc]  # not installed where types are checked
    def __call__(self, value: ProcessedLogin, ctx: SerializationContext) -> bytes:  # noqa: ARG002
        return to_json(value)


def main() -> None:
    """Process what the input topic holds now."""
    app = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["KAFKA_GROUP_ID"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=COMMIT_SECONDS,
        auto_create_topics=False,
        state_dir="state",
        loglevel="WARNING",
        consumer_extra_config={"fetch.queue.backoff.ms": 20},
        producer_extra_config={
            "compression.type": "lz4",
            "linger.ms": 100,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
        },
    )
    config = TopicConfig(num_partitions=PARTITIONS, replication_factor=1)
    source = app.topic(os.environ["INPUT_TOPIC"], config=config, value_deserializer="bytes")
    target = app.topic(
        os.environ["OUTPUT_TOPIC"], config=config, value_serializer=_Json(), key_serializer="str"
    )
    logins = app.dataframe(source).apply(_process, metadata=True)
    logins.to_topic(target, key=lambda login: login.user_id)
    app.run(count=int(os.environ["RECORDS"]), collect=False)


def _process(value: bytes, _key: Any, timestamp: int, _headers: Any) -> ProcessedLogin | None:
    return process(value, timestamp)


if __name__ == "__main__":
    main()
