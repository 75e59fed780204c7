"""State, progress and topics that contradict each other: the flow stops and says why."""

import pickle
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial

import msgspec
import pytest
from confluent_kafka import Producer

from connectors.connection import Connection
from connectors.progress import ProgressReader, progress_key
from connectors.topics import FlowTopics
from models import Progress
from settings import Settings
from tests.support.flow import Flow
from tests.support.logins import login, numbers, records
from tests.support.waiting import wait_until


def stopped(flow: Flow, *options: str, **settings: str) -> str:
    """Run the flow, see that it stops by itself with status 1, and return what it printed."""
    with flow.running(*options, **settings) as process:
        assert process.wait() == 1, process.output()
    assert "Traceback" not in process.output()
    return process.output()


def test_an_input_topic_made_again_stops_the_start(flow: Flow) -> None:
    """The progress of a deleted topic means nothing for a new one of the same name."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    flow.back_fill(recovery=False)
    flow.topics.delete(flow.input)
    wait_until(lambda: flow.topics.describe(flow.input)["error_code"] != 0, "the topic is gone")
    flow.topics.make(flow.input)
    output = stopped(flow)
    assert "belongs to another input" in output
    assert "new KAFKA_GROUP_ID" in output


def test_an_input_topic_recreated_with_fewer_partitions_stops_the_start(flow: Flow) -> None:
    """The recovery folder has state of partitions that are gone: one line, no traceback."""
    flow.topics.make(flow.input, partitions=2)
    flow.topics.send(flow.input, records(range(100), partitions=2))
    flow.back_fill()
    flow.topics.delete(flow.input)
    wait_until(lambda: flow.topics.describe(flow.input)["error_code"] != 0, "the topic is gone")
    flow.topics.make(flow.input, partitions=1)
    output = stopped(flow, *flow.recovery_options())
    assert f"state for input partitions 00001, but {flow.input} has only 1 partitions" in output


def test_a_recovery_folder_of_another_group_stops_the_start(flow: Flow) -> None:
    """A snapshot that is ahead of the group's progress would leave a gap in the outputs."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    flow.back_fill()
    flow.group += "-other"
    output = stopped(flow, *flow.recovery_options())
    assert "the folder belongs to another group, or the progress topic was deleted" in output


def test_a_deleted_progress_topic_stops_the_start(flow: Flow) -> None:
    """Without it nobody knows how far outputs are written: going on might write them twice."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    flow.back_fill()
    flow.topics.delete(flow.progress_topic)
    wait_until(lambda: flow.topics.describe(flow.progress_topic)["error_code"] != 0, "it is gone")
    flow.topics.send(flow.input, records(range(100, 200)))
    output = stopped(flow, *flow.recovery_options())
    assert "outputs end nowhere, the recovery folder says 25" in output
    assert "the progress topic was deleted" in output
    assert numbers(flow.outputs()) == list(range(100))


@pytest.mark.parametrize("recovery", [True, False])
def test_offsets_that_retention_took_stop_the_start(flow: Flow, *, recovery: bool) -> None:
    """Records that were never processed are not skipped in silence."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    flow.back_fill(recovery=recovery)
    flow.topics.send(flow.input, records(range(100, 200)))
    flow.topics.forget(flow.input, dict.fromkeys(range(4), 35))
    output = stopped(flow, *(flow.recovery_options() if recovery else ()))
    assert "at offset 25, but the log begins at 35: retention deleted 10 offsets" in output
    assert numbers(flow.outputs()) == list(range(100))


def test_state_of_an_older_format_stops_the_start(flow: Flow) -> None:
    """Each step's state says which format it has; another program's is not guessed at."""
    flow.topics.make(flow.input, partitions=1)
    flow.topics.send(flow.input, records(range(100), partitions=1))
    flow.back_fill()
    flow.topics.send(flow.input, records(range(100, 200), partitions=1))
    whole = (flow.recovery / "part-0.sqlite3").read_bytes()
    for step in ("read", "report", "windows", "lateness", "breaker"):
        (flow.recovery / "part-0.sqlite3").write_bytes(whole)
        put_state(flow, f"login.{step}", {"version": 0} if step == "read" else (0,))
        output = stopped(flow, *flow.recovery_options())
        assert "format 0" in output
        assert "new recovery folder" in output
    assert numbers(flow.outputs()) == list(range(100))


def put_state(flow: Flow, step: str, state: object) -> None:
    """Change what the recovery folder holds of a step, as the engine would write it."""
    with closing(sqlite3.connect(flow.recovery / "part-0.sqlite3")) as store, store:
        change = "UPDATE snaps SET ser_change = ? WHERE step_id = ?"
        assert store.execute(change, (pickle.dumps(state), step)).rowcount > 0


def test_more_input_partitions_are_all_read_by_the_next_start(flow: Flow) -> None:
    """It widens its own topics, or names them where it may not; nothing is lost or repeated.

    The state of the old partitions goes on, new ones begin with their first record.

    What came into a new partition for a window that is closed is written, and counted as late.
    """
    flow.settings = {"WINDOW_SECONDS": "1", "ALLOWED_LATENESS_SECONDS": "0"}
    flow.topics.make(flow.input, partitions=4)
    flow.topics.send(flow.input, records(range(1_000), partitions=4))
    flow.back_fill()
    flow.topics.grow(flow.input, 6)
    output = stopped(flow, *flow.recovery_options(), CREATE_TOPICS="false")
    assert (
        f"topic {flow.dead_letter_topic} has 4 partitions and topic {flow.progress_topic} has 4 "
        f"partitions, fewer than the 6 of {flow.input}: add partitions to"
    ) in output
    old = {**login(2_000), "timestamp": login(0)["timestamp"]}
    flow.topics.send(flow.input, [{"value": msgspec.json.encode(old), "partition": 5}])
    flow.topics.send(flow.input, records(range(1_000, 2_000), partitions=6))
    run = flow.back_fill()
    made = (flow.dead_letter_topic, flow.progress_topic, flow.output)
    assert [len(flow.topics.describe(topic)["partitions"]) for topic in made] == [6, 6, 4]
    assert numbers(flow.outputs()) == list(range(2_001))
    assert "final report: 2,001 logins" in run.output()
    assert " 1 (<0.1%) late logins" in run.output()
    assert window_logins(flow) == dict.fromkeys(range(20), 100)


def window_logins(flow: Flow) -> dict[int, int]:
    """Return how many logins each window has, by its number."""
    first = datetime.fromtimestamp(login(0)["timestamp"], UTC)
    found = {}
    for record in flow.topics.read(flow.insights_topic):
        insight = msgspec.json.decode(record.value)
        start = datetime.fromisoformat(insight["window_start"])
        found[int((start - first).total_seconds())] = insight["logins"]
    return found


def test_an_older_copy_of_the_recovery_folder_is_gone_on_from(flow: Flow) -> None:
    """A backup reads more of the input again, and writes nothing twice."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(1_000)))
    flow.back_fill()
    copy = shutil.copytree(flow.recovery, flow.folder / "copy")
    flow.topics.send(flow.input, records(range(1_000, 2_000)))
    flow.back_fill()
    shutil.rmtree(flow.recovery)
    copy.rename(flow.recovery)
    flow.topics.send(flow.input, records(range(2_000, 2_500)))
    run = flow.back_fill()
    assert numbers(flow.outputs()) == list(range(2_500))
    assert "final report: 2,500 logins" in run.output()


def test_a_second_flow_on_the_same_group_fences_the_first(flow: Flow) -> None:
    """Of two flows on one group the older stops and says so; the newer goes on; nothing twice."""
    flow.topics.make(flow.input)
    with flow.running() as older:
        flow.topics.send(flow.input, records(range(100)))
        wait_until(lambda: len(flow.outputs()) == 100, "the first outputs")
        with flow.running() as newer:
            newer.wait_for_text("report: 100 logins")
            flow.topics.send(flow.input, records(range(100, 200)))
            assert older.wait() == 1
            assert "this process may no longer write" in older.output()
            wait_until(lambda: len(flow.outputs()) == 200, "the newer flow's outputs")
            assert newer.stop() == 0
    assert numbers(flow.outputs()) == list(range(200))


def test_progress_is_found_behind_aborted_transactions(flow: Flow) -> None:
    """The last committed progress record counts, however many aborted ones follow it."""
    topics = FlowTopics(flow.input, "id", 1, "", 1, "", flow.progress_topic, "", 1, 0, 0, 0)
    flow.topics.make(flow.progress_topic, partitions=1)
    reader = ProgressReader(Connection(Settings(kafka_bootstrap_servers=flow.servers)), topics)
    assert reader.last(0) is None
    with progress_writer(flow) as write:
        write(7, commit=False)
        assert reader.last(0) is None
        write(42, commit=True)
        for offset in range(100, 150):
            write(offset, commit=False)
    assert reader.last(0) == Progress(flow.input, "id", 0, offset=42, start=0)


@contextmanager
def progress_writer(flow: Flow) -> Iterator[Callable[..., None]]:
    """Give a function that writes a progress record in a transaction of its own."""
    configuration = {"bootstrap.servers": flow.servers, "transactional.id": flow.name}
    with Producer(configuration) as producer:
        producer.init_transactions(30)
        yield partial(write_progress, flow, producer)


def write_progress(flow: Flow, producer: Producer, offset: int, *, commit: bool) -> None:
    """Write a progress record in a transaction, and commit or abort it."""
    producer.begin_transaction()
    record = Progress(flow.input, "id", 0, offset=offset, start=0)
    producer.produce(flow.progress_topic, msgspec.json.encode(record), progress_key(flow.input, 0))
    producer.flush()
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def test_state_of_an_epoch_that_was_never_committed_is_not_gone_on_from(flow: Flow) -> None:
    """A run in which nothing comes for it would commit what a killed one left of that epoch."""
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    flow.back_fill()
    begin = next_epoch(flow)
    with closing(sqlite3.connect(flow.recovery / "part-0.sqlite3")) as store, store:
        store.execute(
            "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)",
            ("login.lateness", "00000", begin, pickle.dumps(("of no version",))),
        )
    with flow.running(*flow.recovery_options()) as process:
        wait_until(lambda: next_epoch(flow) > begin, "a committed epoch")
        process.kill()
    flow.topics.send(flow.input, records(range(100, 200)))
    flow.back_fill()
    assert numbers(flow.outputs()) == list(range(200))


def next_epoch(flow: Flow) -> int:
    """Return the first epoch that no run has committed, of a flow with one worker."""
    with closing(sqlite3.connect(flow.recovery / "part-0.sqlite3")) as store:
        [[epoch]] = store.execute("SELECT worker_frontier FROM fronts ORDER BY ex_num DESC LIMIT 1")
    return int(epoch)
