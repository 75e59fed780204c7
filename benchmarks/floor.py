"""The floor: what reading and writing a record costs with the client library and no work on it.

    python -m benchmarks.floor

Nothing in Python that goes through this library can be faster; settings as in the flow's own
clients, names of topics as in its settings. It reads what is there when it starts, and ends.
"""

import os

from confluent_kafka import Consumer, Producer, TopicPartition

BATCH = 2_000  # as the flow's default; 500 and 10,000 are slower
POLL_SECONDS = 0.1
UNDER_WAY = 200_000  # records: 50 MB that the client holds at most
REQUEST_SECONDS = 30.0


def main() -> None:
    """Copy the input topic to the output topic."""
    servers = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}
    consumer = Consumer(
        {
            **servers,
            "group.id": os.environ["KAFKA_GROUP_ID"],
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 20,
            "fetch.wait.max.ms": 100,
        }
    )
    producer = Producer(
        {
            **servers,
            "compression.type": "lz4",
            "linger.ms": 100,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 0,
            "delivery.report.only.error": True,
        }
    )
    copy(consumer, producer, os.environ["INPUT_TOPIC"], os.environ["OUTPUT_TOPIC"])
    consumer.close()


def copy(consumer: Consumer, producer: Producer, source: str, target: str) -> None:
    """Copy what a topic holds now."""
    left = _records(consumer, source)
    while left > 0:
        messages = consumer.consume(BATCH, POLL_SECONDS)
        left -= len(messages)
        producer.produce_batch(
            target, [{"key": message.key(), "value": message.value()} for message in messages]
        )
        while len(producer) > UNDER_WAY:
            producer.poll(POLL_SECONDS)
    producer.flush()


def _records(consumer: Consumer, topic: str) -> int:
    """Begin to read all partitions, and return how many records they hold."""
    partitions = consumer.list_topics(topic, REQUEST_SECONDS).topics[topic].partitions
    places = [TopicPartition(topic, partition, 0) for partition in partitions]
    consumer.assign(places)
    return sum(consumer.get_watermark_offsets(place, REQUEST_SECONDS)[1] for place in places)


if __name__ == "__main__":
    main()
