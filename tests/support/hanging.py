"""A hanging transaction: what a broker leaves that skips the markers of one that it ends."""

import time

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.protocol.producer import ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder

__all__ = ["leave_hanging"]

BROKER = 1  # of local_kafka
RECORD_FORMAT = 2
BATCH_BYTES = 10_000
REQUEST_MS = 10_000
# The last version of the request in which topics have names.
LAST_WITH_NAMES = 9


def leave_hanging(
    servers: str, transactional_id: str, topic: str, partition: int, key: bytes, value: bytes
) -> None:
    """Write a record of a transaction of which the broker's coordinator knows nothing.

    So it stays open when that id is fenced, as it does where the markers were skipped.
    """
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        _let_unknown_transactions_in(admin)
        producer = KafkaProducer(bootstrap_servers=servers, transactional_id=transactional_id)
        producer.init_transactions()
        who = producer._transaction_manager.producer_id_and_epoch
        producer.close()
        records = _records(who.producer_id, who.epoch, key, value)
        request = _request(transactional_id, topic, partition, records)
        response = admin._manager.run(admin._manager.send, request, BROKER)
        [answer] = response.responses[0].partition_responses
        assert answer.error_code == 0, answer


def _let_unknown_transactions_in(admin: KafkaAdminClient) -> None:
    """Let a broker take what it would otherwise ask its coordinator about (KIP-890)."""
    off = {"transaction.partition.verification.enable": "false"}
    admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, str(BROKER), configs=off)])


def _records(producer_id: int, epoch: int, key: bytes, value: bytes) -> bytes:
    builder = MemoryRecordsBuilder(
        RECORD_FORMAT,
        0,
        BATCH_BYTES,
        transactional=True,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=0,
    )
    builder.append(int(time.time() * 1_000), key, value, headers=[])
    builder.close()
    records: bytes = builder.buffer()
    return records


def _request(transactional_id: str, topic: str, partition: int, records: bytes) -> ProduceRequest:
    Topic = ProduceRequest.TopicProduceData  # noqa: N806 - a class
    data = Topic.PartitionProduceData(index=partition, records=records)
    return ProduceRequest(
        transactional_id=transactional_id,
        acks=-1,
        timeout_ms=REQUEST_MS,
        topic_data=[Topic(name=topic, partition_data=[data])],
        max_version=LAST_WITH_NAMES,
    )
