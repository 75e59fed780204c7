"""An input topic's records in transactions, as transactional producers upstream write them."""

from kafka import KafkaProducer

from tests.support.flow import Flow
from tests.support.logins import records

__all__ = ["send_transaction", "transactions"]


def transactions(flow: Flow) -> KafkaProducer:
    """Return a producer that is ready for transactions."""
    producer = KafkaProducer(bootstrap_servers=flow.servers, transactional_id=flow.name)
    producer.init_transactions()
    return producer


def send_transaction(
    producer: KafkaProducer, flow: Flow, which: range, *, partition: int = 0, abort: bool = False
) -> None:
    """Send logins as one transaction."""
    producer.begin_transaction()
    for record in records(which, partitions=1):
        producer.send(flow.input, **{**record, "partition": partition})
    producer.flush()
    if abort:
        producer.abort_transaction()
    else:
        producer.commit_transaction()
