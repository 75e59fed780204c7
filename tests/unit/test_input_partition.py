"""What an input partition says of the errors that its client hands it among the records."""

import pytest
from confluent_kafka import KafkaError, Message

from monitoring.health import Health
from tests.support.input_partitions import open_partitions


@pytest.mark.parametrize(("partition", "place"), [(1, "logins, partition 1"), (-1, "logins")])
def test_an_error_is_told_with_its_place(
    monkeypatch: pytest.MonkeyPatch, partition: int, place: str
) -> None:
    """A worker's partitions share a client: what is wrong with all is not said of one."""

    def stop(line: str) -> None:
        raise SystemExit(line)

    monkeypatch.setattr("connectors.input_partition.stop_process", stop)
    monkeypatch.setattr("connectors.input_partition.HEALTH", Health())
    error = KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED)
    message = Message(topic="logins", partition=partition, offset=0, error=error)
    [reading] = open_partitions([message], [1], 10, 10)
    with pytest.raises(SystemExit, match=f"^{place}: reading failed: .*lacks a permission"):
        reading.next_batch()
