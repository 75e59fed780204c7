"""Batches that the Kafka client can't read: the flow stops at them, or skips exactly them."""

from collections.abc import Sequence

from local_kafka import LocalKafka
from tests.support.damaged import damage, send_too_much
from tests.support.flow import Flow
from tests.support.logins import numbers, records
from tests.support.transactions import send_transaction, transactions

EACH = 10  # logins in a batch


def test_a_damaged_batch_stops_the_flow_until_it_is_to_be_skipped(
    kafka: LocalKafka, flow: Flow
) -> None:
    """All that is before it comes out first, and then all but it, once, whatever is read again."""
    # Only a checksum shows it: what is damaged is the end of a login.
    flow.topics.make(flow.input, 1, **{"compression.type": "uncompressed"})
    send_batches(flow, 0, range(3))
    damage(kafka.log_file.parent, flow.input, 0, EACH)
    with flow.running(*flow.recovery_options(), STOP_AT_END="true") as process:
        assert process.wait() == 1
        line = "partition 0: the batch at offset 10 can't be read: "
        assert line in process.output()
        assert "ON_UNREADABLE=skip" in process.output()
    assert numbers(flow.outputs()) == logins(0)
    for recovery in (True, False):
        flow.back_fill(recovery=recovery, ON_UNREADABLE="skip")
        assert numbers(flow.outputs()) == logins(0, 2)
        assert skipped(flow) == {(0, 10): "offsets 10 to 19: "}
    assert flow.topics.group_offsets(flow.group, flow.input) == flow.topics.ends(flow.input)


def test_exactly_the_batches_that_cannot_be_read_are_skipped(kafka: LocalKafka, flow: Flow) -> None:
    """In a row, at both ends of a log, too large when decompressed, of an aborted transaction."""
    flow.topics.make(flow.input, 4, **{"compression.type": "zstd"})
    send_batches(flow, 0, range(6))
    for batch in (0, 2, 3, 5):
        damage(kafka.log_file.parent, flow.input, 0, batch * EACH)
    send_batches(flow, 1, [6])
    large = send_too_much(flow.servers, flow.input, 1)
    send_batches(flow, 1, [7])
    with transactions(flow) as producer:
        send_transaction(producer, flow, range(80, 90), partition=2)
        send_transaction(producer, flow, range(90, 100), partition=2, abort=True)
        send_transaction(producer, flow, range(100, 110), partition=2)
        send_transaction(producer, flow, range(110, 120), partition=3)
        send_transaction(producer, flow, range(120, 130), partition=3, abort=True)
    damage(kafka.log_file.parent, flow.input, 2, EACH + 1)  # behind the marker of the first one
    damage(kafka.log_file.parent, flow.input, 3, EACH + 1)  # only its marker is behind it
    flow.back_fill(ON_UNREADABLE="skip")
    assert numbers(flow.outputs()) == logins(1, 4, 6, 7, 8, 10, 11)
    assert skipped(flow) == {
        (0, 0): "offsets 0 to 9: ",
        (0, 20): "offsets 20 to 29: ",
        (0, 30): "offsets 30 to 39: ",
        (0, 50): "offsets 50 to 59: ",
        (1, 10): f"offsets 10 to {EACH + large - 1}: ",
    }
    assert flow.topics.group_offsets(flow.group, flow.input) == flow.topics.ends(flow.input)


def send_batches(flow: Flow, partition: int, batches: Sequence[int]) -> None:
    """Send the logins of batches with these numbers, each as a batch of its own."""
    for batch in batches:
        some = records(range(batch * EACH, (batch + 1) * EACH), partitions=1)
        flow.topics.send(flow.input, [{**record, "partition": partition} for record in some])


def logins(*batches: int) -> list[int]:
    """Return the numbers of the logins in some batches."""
    return [batch * EACH + number for batch in batches for number in range(EACH)]


def skipped(flow: Flow) -> dict[tuple[int, int], str]:
    """Return where batches that were skipped begin, and how their dead letters name them."""
    found = {}
    for letter in flow.dead_letters():
        headers = {name: value.decode() for name, value in letter.headers}
        assert headers["dlq.reason"] == "unreadable"
        assert int(headers["dlq.partition"]) == letter.partition
        where = (letter.partition, int(headers["dlq.offset"]))
        assert where not in found
        found[where] = headers["dlq.detail"].partition("the batch")[0]
    return found
