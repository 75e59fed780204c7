"""An input of many partitions under the limit of open files that a service usually has."""

from tests.support.flow import Flow
from tests.support.logins import numbers, records

PARTITIONS = 16
LIMIT = 100  # 1,024 for 200 partitions is the same, and takes longer


def test_many_partitions_raise_the_soft_limit(flow: Flow) -> None:
    """The flow works although it needs more files than it may open at first."""
    flow.topics.make(flow.input, PARTITIONS)
    flow.topics.send(flow.input, records(range(400), PARTITIONS))
    flow.prefix = ("sh", "-c", f'ulimit -S -n {LIMIT} && exec "$@"', "sh")
    process = flow.back_fill(recovery=False)
    assert numbers(flow.outputs()) == list(range(400))
    assert f"before={LIMIT}" in process.output()


def test_a_hard_limit_that_is_too_low_stops_the_start(flow: Flow) -> None:
    """With one line, instead of a minute of failed attempts to reach Kafka."""
    flow.topics.make(flow.input, PARTITIONS)
    flow.prefix = ("sh", "-c", f'ulimit -n {LIMIT} && exec "$@"', "sh")
    with flow.running() as process:
        assert process.wait() == 1
    line = process.output().splitlines()[-1]
    assert f"{PARTITIONS} partitions of {flow.input} on 1 broker(s) need at least" in line
    assert f"this process may have only {LIMIT}: raise the limit" in line
