"""What lag tools make of the group's committed offsets where the input has transactions."""

from kafka.errors import RetriableError

from tests.support.flow import Flow
from tests.support.transactions import send_transaction, transactions
from tests.support.waiting import wait_until


def test_no_lag_is_left_behind_committed_and_aborted_transactions(flow: Flow) -> None:
    """Markers and aborted records, which never come out, are committed while the flow runs."""
    flow.topics.make(flow.input, partitions=1)
    with transactions(flow) as producer, flow.running(*flow.recovery_options()) as process:
        send_transaction(producer, flow, range(10))
        send_transaction(producer, flow, range(10, 20), abort=True)
        wait_until(lambda: has_no_lag(flow), "no lag behind an aborted transaction")
        send_transaction(producer, flow, range(20, 30))
        wait_until(lambda: has_no_lag(flow), "no lag behind a committed transaction")
        assert process.stop() == 0
    assert has_no_lag(flow)


def has_no_lag(flow: Flow) -> bool:
    """Tell whether a lag tool calls all offsets of the only partition processed."""
    try:
        committed = flow.topics.group_offsets(flow.group, flow.input)
    except RetriableError:  # a broker that has just started isn't a coordinator yet
        return False
    return committed == flow.topics.ends(flow.input)
