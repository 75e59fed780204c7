"""STOP_AT_END: the flow ends at the end that the input had when it started."""

from threading import Event, Thread

from tests.support.flow import Flow
from tests.support.logins import numbers, records
from tests.support.transactions import send_transaction, transactions


def test_an_empty_input_ends_at_once(flow: Flow) -> None:
    """Nothing to read and no progress is not an error, with and without a second run."""
    flow.topics.make(flow.input)
    flow.back_fill()
    flow.back_fill()
    assert flow.outputs() == []


def test_aborted_transactions_at_the_tail_are_passed_over(flow: Flow) -> None:
    """Records of aborted transactions never come out, and markers at the tail don't keep it up."""
    flow.topics.make(flow.input, partitions=1)
    with transactions(flow) as producer:
        send_transaction(producer, flow, range(10))
        send_transaction(producer, flow, range(10, 20), abort=True)
        send_transaction(producer, flow, range(20, 30))
        send_transaction(producer, flow, range(30, 40), abort=True)
    flow.back_fill()
    flow.back_fill()
    assert numbers(flow.outputs()) == [*range(10), *range(20, 30)]


def test_an_input_of_aborted_transactions_only_ends(flow: Flow) -> None:
    """A log without a single committed record is read to its end."""
    flow.topics.make(flow.input, partitions=1)
    with transactions(flow) as producer:
        send_transaction(producer, flow, range(10), abort=True)
    flow.back_fill()
    assert flow.outputs() == []


def test_an_open_transaction_is_left_to_the_next_run(flow: Flow) -> None:
    """An open transaction holds nothing up; the run says, too, by its status, what it leaves."""
    flow.topics.make(flow.input, partitions=1)
    with transactions(flow) as producer:
        send_transaction(producer, flow, range(10))
        producer.begin_transaction()
        for record in records(range(10, 20), partitions=1):
            producer.send(flow.input, **record)
        producer.flush()
        flow.topics.send(flow.input, records(range(20, 25), partitions=1))
        with flow.running(*flow.recovery_options(), STOP_AT_END="true") as process:
            assert process.wait() == 3
            assert "15 of partition 0 (from 11 on)" in process.output()
        assert numbers(flow.outputs()) == list(range(10))
        producer.commit_transaction()
    flow.back_fill()
    assert numbers(flow.outputs()) == list(range(25))


def test_a_producer_that_goes_on_does_not_keep_the_flow_up(flow: Flow) -> None:
    """What comes after the start is left to the next run, which takes it up without a gap."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(3_000)))
    ended = Event()
    sent = 3_000

    def go_on() -> None:
        nonlocal sent
        while not ended.is_set():
            flow.topics.send(flow.input, records(range(sent, sent + 100)))
            sent += 100

    thread = Thread(target=go_on)
    thread.start()
    try:
        flow.back_fill()
    finally:
        ended.set()
        thread.join()
    first = numbers(flow.outputs())
    assert first[:3_000] == list(range(3_000))
    assert len(first) < sent
    assert sum(flow.topics.group_offsets(flow.group, flow.input).values()) == len(first)
    flow.back_fill()
    assert numbers(flow.outputs()) == list(range(sent))
