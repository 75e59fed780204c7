"""Batches in a broker's log that clients can't read: damaged, or too large when decompressed."""

import struct
from pathlib import Path

from confluent_kafka import Producer

__all__ = ["damage", "send_too_much"]

HEADER_BEGINNING = struct.Struct(">qi")  # first offset, length of what is behind this
RECORD_BYTES, RECORDS_AT_ONCE = 1_000_000, 105  # the client decompresses up to 100 MB a batch


def damage(broker_folder: Path, topic: str, partition: int, first_offset: int) -> None:
    """Change a batch's last byte, as a bad disk does. A running broker doesn't notice."""
    segment = broker_folder / "data" / f"{topic}-{partition}" / f"{0:020}.log"
    with segment.open("r+b") as log:
        while (found := HEADER_BEGINNING.unpack(log.read(HEADER_BEGINNING.size)))[0] < first_offset:
            log.seek(found[1], 1)
        assert found[0] == first_offset
        log.seek(found[1] - 1, 1)
        byte = log.read(1)
        log.seek(-1, 1)
        log.write(bytes([byte[0] ^ 0xFF]))


def send_too_much(servers: str, topic: str, partition: int) -> int:
    """Send a batch of a few KB that decompresses to 105 MB, and return how many records it has.

    The topic must be one of compression.type=zstd: a broker that recompresses a batch doesn't write
    its size into it, and without that the client gives up at 100 MB.
    """
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "compression.type": "gzip",
            "linger.ms": 60_000,  # until it is flushed
            "batch.size": 2 * RECORD_BYTES * RECORDS_AT_ONCE,
            "message.max.bytes": 2 * RECORD_BYTES * RECORDS_AT_ONCE,
        }
    )
    for _ in range(RECORDS_AT_ONCE):
        producer.produce(topic, b"x" * RECORD_BYTES, partition=partition)
    producer.flush()
    producer.close()
    return RECORDS_AT_ONCE
