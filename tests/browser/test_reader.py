"""The thread that reads the topics, against a real Kafka and without a browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import msgspec
import pytest
from confluent_kafka import Producer

from connectors.progress import progress_key
from dashboard import reader
from dashboard.live import Live
from dashboard.model import DeadLetters
from dashboard.reader import Reader, empty
from dashboard.status import status
from local_kafka import LocalKafka
from models import Progress
from settings import Settings
from tests.browser.stage import Stage, insight, login
from tests.support.flow import Flow
from tests.support.waiting import wait_until

WINDOWS = 10


@contextmanager
def reading(stage: Stage) -> Iterator[Live]:
    """Read the topics while the block runs."""
    settings = settings_of(stage)
    live = Live(empty(settings))
    topic_reader = Reader(settings, live)
    topic_reader.start()
    try:
        yield live
    finally:
        topic_reader.stop()
    assert "topic-reader" not in {thread.name for thread in threading.enumerate()}


def settings_of(stage: Stage) -> Settings:
    """Return the settings of a page that shows the topics."""
    flow = stage.flow
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        kafka_bootstrap_servers=flow.servers,
        kafka_group_id=flow.group,
        input_topic=flow.input,
        insights_topic=flow.insights_topic,
        dead_letter_topic=flow.dead_letter_topic,
    )


def unexpected(*_arguments: object) -> None:
    """Fail as no code here should."""
    raise RuntimeError("unexpected")


class NotUtf8(str):
    """A header's name that kafka-python sends as bytes that are not UTF-8."""

    def encode(self, *_arguments: str) -> bytes:
        """Return the bytes that are sent."""
        return b"\xff"


@contextmanager
def transactional(stage: Stage) -> Iterator[Producer]:
    """Give a producer as the flow has them."""
    configuration = {"bootstrap.servers": stage.flow.servers, "transactional.id": stage.flow.group}
    with Producer(configuration) as producer:
        producer.init_transactions(30)
        yield producer


def test_what_was_never_committed_is_not_shown(stage: Stage) -> None:
    """An aborted window and an aborted dead letter don't count."""
    stage.make_topics()
    with transactional(stage) as producer:
        for number in range(WINDOWS):
            producer.begin_transaction()
            made = insight(number, [login(1)])
            value = msgspec.json.encode(made)
            producer.produce(stage.flow.insights_topic, value, made.window_start.encode())
            producer.produce(
                stage.flow.dead_letter_topic, b"x", headers={"dlq.reason": b"wrong_type"}
            )
            if number % 2:
                producer.commit_transaction(30)
            else:
                producer.flush(30)  # else nothing would have reached the broker
                producer.abort_transaction(30)
    with reading(stage) as live:
        wait_until(lambda: live.reading.read == 1, "all was read")
        view = live.view(WINDOWS)
    assert view.overview.logins == WINDOWS / 2
    assert view.dead_letters == {"wrong_type": WINDOWS // 2}


def test_progress_behind_much_that_was_aborted_is_found(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last committed progress counts, however far back from the topic's end it is."""
    monkeypatch.setattr(reader, "LOOK_BACK", 2)
    stage.make_topics()
    stage.write_input(0, 20)
    stage.write_progress(0, 12)
    with transactional(stage) as producer:
        for offset in range(13, 20):
            producer.begin_transaction()
            value = msgspec.json.encode(Progress(stage.flow.input, "id", 0, offset, 0))
            key = progress_key(stage.flow.input, 0)
            producer.produce(stage.flow.progress_topic, value, key, partition=0)
            producer.flush(30)
            producer.abort_transaction(30)
    with reading(stage) as live:
        wait_until(lambda: live.view(1).processed == 12, "the committed progress")
        assert live.view(1).lag == 8


def test_topics_that_are_missing_are_named(stage: Stage) -> None:
    """Before the flow was ever started there is none of them."""
    with reading(stage) as live:
        wait_until(lambda: live.reading.missing, "the missing topics")
        assert set(live.reading.missing) == {
            stage.flow.input,
            stage.flow.insights_topic,
            stage.flow.dead_letter_topic,
            stage.flow.progress_topic,
        }
        assert live.reading.away_since is None


def test_a_topic_made_again_with_as_many_records_is_read_again(stage: Stage) -> None:
    """No offset tells it from the old topic: its id does."""
    stage.make_topics()
    stage.write(*(insight(number, [login(1)]) for number in range(WINDOWS)))
    with reading(stage) as live:
        wait_until(lambda: live.view(WINDOWS).overview.logins == WINDOWS, "the old windows")
        stage.topics.delete(stage.flow.insights_topic)
        stage.topics.make(stage.flow.insights_topic, 1)
        stage.write(*(insight(number, [login(1), login(2)]) for number in range(WINDOWS)))
        wait_until(lambda: live.view(WINDOWS).overview.logins == 2 * WINDOWS, "the new windows")


def test_records_that_a_broker_lost_are_on_show_no_longer(tmp_path: Path) -> None:
    """The topic's id is the same, but its offsets begin anew."""
    with LocalKafka(tmp_path / "kafka") as broker:
        stage = Stage(Flow(broker.bootstrap_servers, "lost", tmp_path))
        stage.make_topics()
        stage.write(*(insight(number, [login(1)]) for number in range(WINDOWS)))
        with reading(stage) as live:
            wait_until(lambda: live.view(WINDOWS).overview.logins == WINDOWS, "the windows")
            broker.kill()
            (partition,) = (tmp_path / "kafka").rglob(f"{stage.flow.insights_topic}-0")
            rmtree(partition)
            broker.start()
            stage.write(insight(0, [login(1), login(2)]))
            wait_until(lambda: live.view(WINDOWS).overview.logins == 2, "what is left")


def test_a_topic_that_is_deleted_is_missing_again(stage: Stage) -> None:
    """What it held is no longer on show, and the broker isn't blamed."""
    stage.make_topics()
    stage.write(insight(0, [login(1)]))
    with reading(stage) as live:
        wait_until(lambda: live.view(WINDOWS).overview.logins == 1, "the window")
        stage.topics.delete(stage.flow.insights_topic)
        wait_until(lambda: live.reading.missing, "the missing topic")
        assert live.reading.missing == (stage.flow.insights_topic,)
        assert live.view(WINDOWS).overview.logins == 0
        assert live.reading.away_since is None


def test_a_header_whose_name_is_not_utf_8_stops_nothing(stage: Stage) -> None:
    """Such a dead letter counts, without a reason, and those behind it count as well."""
    stage.make_topics()
    topic = stage.flow.dead_letter_topic
    stage.topics.send(topic, [{"value": b"x", "headers": [(NotUtf8(), b"")], "partition": 0}])
    with reading(stage) as live:
        wait_until(lambda: live.view(1).dead_letters, "the dead letter")
        stage.topics.send(topic, [{"value": b"x", "headers": [("dlq.reason", b"not_json")]}])
        wait_until(lambda: len(live.view(1).dead_letters) == 2, "the next one")
        assert live.view(1).dead_letters == {"no reason given": 1, "not_json": 1}
        assert live.reading.failed_since is None


def test_a_reader_that_fails_says_so_and_begins_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page isn't called live meanwhile; afterwards each record counts once."""
    stage.make_topics()
    stage.write(insight(0, [login(1)]))
    stage.write_dead_letters("wrong_type", 1)
    with reading(stage) as live:
        wait_until(lambda: live.view(1).dead_letters, "the dead letter")
        with monkeypatch.context() as broken:
            broken.setattr(DeadLetters, "apply", unexpected)
            stage.write_dead_letters("not_json", 1)
            wait_until(lambda: live.reading.failed_since, "the failure")
            assert status(live.view(1), settings_of(stage)).word == "Not live"
        wait_until(lambda: len(live.view(1).dead_letters) == 2, "both dead letters")
        wait_until(lambda: live.reading.failed_since is None, "it is live again")
        assert live.view(1).dead_letters == {"wrong_type": 1, "not_json": 1}
        assert live.view(1).overview.logins == 1
