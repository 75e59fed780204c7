"""The insights topic against a plain record-by-record computation, through crashes and restarts."""

import re
from collections.abc import Iterable
from contextlib import ExitStack
from random import Random
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient, TopicPartition

from models import Insight
from tests.support.flow import Flow, FlowProcess
from tests.support.logins import EPOCH, login, processed
from tests.support.waiting import wait_until
from tests.support.window_oracle import WindowOracle, assert_same_windows

PARTITIONS = 4
LOGINS = 60_000
MINUTE = EPOCH - EPOCH % 60  # a window's start


def stragglers(count: int = LOGINS) -> list[dict[str, Any]]:
    """Logins, 25 a second and partition, of which 2% come up to 200 s late."""
    random = Random(4)  # noqa: S311 - test data
    logins = [login(number) for number in range(count)]
    for late in random.sample(logins, count // 50):
        late["timestamp"] -= random.randint(1, 200)
    return logins


def at(partition: int, *timestamps: int) -> list[dict[str, Any]]:
    """The records of a login for each time, in seconds since MINUTE."""
    return [
        {
            "value": msgspec.json.encode({**login(number), "timestamp": MINUTE + timestamp}),
            "partition": partition,
        }
        for number, timestamp in enumerate(timestamps)
    ]


def send(flow: Flow, logins: Iterable[dict[str, Any]]) -> None:
    """Send logins, spread evenly over the partitions."""
    flow.topics.send(
        flow.input,
        (
            {"value": msgspec.json.encode(one), "partition": number % PARTITIONS}
            for number, one in enumerate(logins)
        ),
    )


def oracle_of(logins: list[dict[str, Any]]) -> WindowOracle:
    """What must come out of these logins, sent as `send` does."""
    oracle = WindowOracle(seconds=60, lateness=10)
    for partition in range(PARTITIONS):
        oracle.read(processed(one) for one in logins[partition::PARTITIONS])
    return oracle


def insights(flow: Flow) -> list[Insight]:
    """Return all insights that were written, of equal keys the later ones behind."""
    records = flow.topics.read(flow.insights_topic)
    found = [msgspec.json.decode(record.value, type=Insight) for record in records]
    assert [record.key.decode() for record in records] == [one.window_start for one in found]
    return found


def figures(flow: Flow) -> list[tuple[str, int, bool]]:
    """What tells insights apart: start (minutes and seconds), logins, final."""
    return [(one.window_start[14:19], one.logins, one.final) for one in insights(flow)]


@pytest.mark.parametrize("processes", [1, 2])
def test_windows_equal_the_plain_computation_through_kill_9_and_other_batch_sizes(
    flow: Flow, processes: int, free_ports: list[int]
) -> None:
    """Every window, however the input is cut and however often everything is killed."""
    logins = stragglers()
    flow.topics.make(flow.input, partitions=PARTITIONS)
    send(flow, logins)
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports[:processes])
    for size in (150, 300):
        kill_while_writing(flow, addresses, processes, BATCH_SIZE=str(size))
    with ExitStack() as stack:
        for process in start(stack, flow, addresses, processes, BATCH_SIZE="700"):
            assert process.wait() == 0, process.output()
    oracle = oracle_of(logins)
    assert len(oracle.late) > LOGINS // 200
    assert_same_windows(insights(flow), oracle)
    reports = "".join(path.read_text() for path in flow.folder.glob("run-*.log"))
    share = f"{len(oracle.late):,} ({len(oracle.late) / LOGINS:.1%}) late logins"
    assert share in reports


def test_back_fill_shows_open_windows_and_a_run_that_goes_on_writes_them_whole(flow: Flow) -> None:
    """First as not final; every window of the whole input is right in the end."""
    logins = stragglers(20_000)
    flow.topics.make(flow.input, partitions=PARTITIONS)
    send(flow, logins[:9_000])
    flow.back_fill()
    assert_same_windows(insights(flow), oracle_of(logins[:9_000]))
    assert {one.final for one in insights(flow)} == {True, False}
    send(flow, logins[9_000:])
    flow.back_fill()
    assert_same_windows(insights(flow), oracle_of(logins))


def test_normal_stop_keeps_open_windows_unwritten(flow: Flow) -> None:
    """They are written once, by the run in which they close."""
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, at(0, 5, 65))
    with flow.running(*flow.recovery_options(), REPORT_EVERY="1") as process:
        process.wait_for_text("report: 2 logins")
        assert process.stop() == 0, process.output()
    assert figures(flow) == []
    flow.topics.send(flow.input, at(0, 6, 135))
    with flow.running(*flow.recovery_options()) as process:
        wait_until(lambda: len(figures(flow)) == 2, "two windows")
        assert process.stop() == 0, process.output()
    assert [logins for _, logins, final in figures(flow) if final] == [2, 1]


def test_partitions_without_logins_hold_windows_back_only_until_they_are_idle(flow: Flow) -> None:
    """Silent or full of dead letters, however seldom they are polled; a login counts again."""
    flow.topics.make(flow.input, partitions=3)
    flow.topics.send(flow.input, at(0, 5, 100))
    idle = {
        "BATCH_INTERVAL_MS": "1000",
        "IDLE_PARTITION_SECONDS": "3",
        "REPORT_EVERY": "1",
        "MAX_DEAD_LETTER_RATIO": "1",
    }
    with flow.running(*flow.recovery_options(), **idle) as process:
        process.wait_for_text("report: 2 logins")
        assert figures(flow) == []

        def window_while_one_partition_has_logins() -> Any:
            flow.topics.send(flow.input, [*at(0, 101), {"value": b"no login", "partition": 2}])
            return figures(flow)

        wait_until(window_while_one_partition_has_logins, "the window behind the other partitions")
        flow.topics.send(flow.input, at(1, 5, 65, 200))
        wait_until(lambda: re.search(r"\b1 \(.*%\) late logins", process.output()), "a late login")
        flow.topics.send(flow.input, at(0, 200))  # not before the other one has spoken again
        wait_until(lambda: len(figures(flow)) == 2, "the window of both partitions")
    (_, logins, first_is_final), (_, _, second_is_final) = figures(flow)
    assert (logins, first_is_final, second_is_final) == (1, True, True)


def test_timestamp_in_the_future_moves_no_watermark(flow: Flow) -> None:
    """It is a dead letter, and windows stay open for the logins behind it."""
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, [*at(0, 5), *at(0, 10_000_000_000), *at(0, 6, 7)])
    flow.back_fill()
    assert figures(flow)[-1][1:] == (3, False)
    assert [dict(record.headers)["dlq.reason"] for record in flow.dead_letters()] == [
        b"timestamp_in_future"
    ]


def test_fast_clock_and_record_times_in_seconds_make_nobody_late(flow: Flow) -> None:
    """Such logins are in the window of those around them, and come out as they were sent."""
    flow.topics.make(flow.input, partitions=1)
    [first, fast, seconds, last] = at(0, 5, 43_200, 6, 7)
    for record in (first, fast, last):
        record["timestamp_ms"] = (MINUTE + 7) * 1_000
    seconds["timestamp_ms"] = MINUTE + 7
    flow.topics.send(flow.input, [first, fast, seconds, last])
    flow.back_fill()
    assert figures(flow) == [("46:00", 4, False)]
    assert [(one["timestamp"] - MINUTE, one["quality"]) for one in flow.outputs()] == [
        (5, []),
        (43_200, ["timestamp_ahead"]),
        (6, []),
        (7, []),
    ]
    assert flow.dead_letters() == []


def test_many_late_logins_are_told_in_one_line(flow: Flow) -> None:
    """Behind a fast clock that its record's time doesn't bound, as that is later still."""
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, [*at(0, 43_200), *at(0, *[5] * 600)])
    output = flow.back_fill(BATCH_SIZE="100").output()
    [line] = [line for line in output.splitlines() if "came too late" in line]
    assert "ALLOWED_LATENESS_SECONDS=10" in line
    assert "600 (99.8%) late logins" in output


def test_other_window_length_over_an_old_recovery_folder_stops_the_start(flow: Flow) -> None:
    """One line says what to do, and nothing is written."""
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, at(0, 5, 65))
    flow.back_fill()
    before = figures(flow)
    with flow.running(*flow.recovery_options(), WINDOW_SECONDS="30") as process:
        assert process.wait() == 1, process.output()
    assert "set WINDOW_SECONDS=60 again" in process.output()
    assert "Traceback" not in process.output()
    assert figures(flow) == before


def test_lost_start_of_the_state_leaves_whole_windows_in_place(flow: Flow) -> None:
    """Windows that lack logins since retention deleted them are named, and not written."""
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, at(0, *range(200)))
    flow.back_fill(recovery=False)
    whole = figures(flow)
    delete_before(flow, 80)
    flow.topics.send(flow.input, at(0, *range(200, 400)))
    run = flow.back_fill(recovery=False, BATCH_SIZE="10")
    assert "these windows are not written" in run.output()
    last = {start: logins for start, logins, _ in figures(flow)}
    assert last[whole[0][0]] == 60
    assert last[whole[1][0]] == 60
    assert list(last.values()) == [60, 60, 60, 60, 60, 60, 40]


def test_continue_without_state_leaves_whole_windows_in_place(flow: Flow) -> None:
    """Windows around the point where reading goes on keep what is known of them."""
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, at(0, *range(100)))
    flow.back_fill(recovery=False)
    before = figures(flow)
    flow.topics.send(flow.input, at(0, *range(100, 300)))
    flow.back_fill(recovery=False, ON_MISSING_STATE="continue", BATCH_SIZE="20")
    assert figures(flow)[: len(before)] == before
    # Reading goes on at second 100. A skipped login may be ten seconds newer than the first 20
    # read, so the window from 120 on isn't sure to be whole either.
    assert [logins for _, logins, _ in figures(flow)[len(before) :]] == [60, 60]


def test_at_least_once_writes_the_same_windows(flow: Flow) -> None:
    """Without transactions too."""
    logins = stragglers(5_000)
    flow.topics.make(flow.input, partitions=PARTITIONS)
    send(flow, logins)
    flow.back_fill(DELIVERY_GUARANTEE="at_least_once")
    assert_same_windows(insights(flow), oracle_of(logins))


def start(
    stack: ExitStack, flow: Flow, addresses: str, processes: int, **settings: str
) -> list[FlowProcess]:
    """Start the processes of a cluster that runs to the input's end."""
    clusters = [["-i", str(number), "-a", addresses] for number in range(processes)]
    return [
        stack.enter_context(
            flow.running(*flow.recovery_options(), *cluster, STOP_AT_END="true", **settings)
        )
        for cluster in (clusters if processes > 1 else [[]])
    ]


def kill_while_writing(flow: Flow, addresses: str, processes: int, **settings: str) -> None:
    """Start the flow and kill -9 all of it when it has written something, but by far not all."""
    before = written(flow)
    with ExitStack() as stack:
        running = start(stack, flow, addresses, processes, **settings)
        wait_until(lambda: written(flow) > before + LOGINS // 10, "outputs")
        for process in running:
            process.kill()
    assert len({one["device_id"] for one in flow.outputs()}) < LOGINS, "killed too late"


def written(flow: Flow) -> int:
    """Return how far the outputs are."""
    exists = flow.topics.describe(flow.output)["error_code"] == 0
    return sum(flow.topics.ends(flow.output).values()) if exists else 0


def delete_before(flow: Flow, offset: int) -> None:
    """Delete the input's first records, as retention does."""
    with KafkaAdminClient(bootstrap_servers=flow.servers) as admin:
        admin.delete_records({TopicPartition(flow.input, 0): offset})
