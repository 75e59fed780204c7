"""The loop of many tutorials: kafka-python, a message at a time, no windows, at least once.

python -m benchmarks.kafka_python_loop
"""

import os

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from benchmarks.per_message import process, to_json

__all__ = ["main"]


def main() -> None:
    """Process what the input topic holds now."""
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        group_id=os.environ["KAFKA_GROUP_ID"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=2_000,
        fetch_max_bytes=16_000_000,
        max_partition_fetch_bytes=4_000_000,
        check_crcs=False,  # as fast as it goes
    )
    producer = KafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        compression_type="lz4",
        linger_ms=100,
        batch_size=262_144,
    )
    copy(consumer, producer, os.environ["INPUT_TOPIC"], os.environ["OUTPUT_TOPIC"])


def copy(consumer: KafkaConsumer, producer: KafkaProducer, source: str, target: str) -> None:
    """Process all records that a topic holds now."""
    partitions = [TopicPartition(source, part) for part in consumer.partitions_for_topic(source)]
    left = sum(consumer.end_offsets(partitions).values())
    consumer.subscribe([source])
    for message in consumer:
        login = process(message.value, message.timestamp)
        if login is not None:
            producer.send(target, key=login.user_id.encode(), value=to_json(login))
        left -= 1
        if not left:
            break
    producer.flush()
    consumer.commit()
    consumer.close()
    producer.close()


if __name__ == "__main__":
    main()
