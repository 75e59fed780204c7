"""The thread that reads the topics and keeps the page's state up to date."""

import time
from collections.abc import Iterable
from dataclasses import replace
from threading import Event, Thread
from typing import cast

import structlog
from confluent_kafka import (
    KafkaError,
    KafkaException,
    Message,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from background import run_in_background
from connectors.client_log import quiet_options
from connectors.clients import AdminClient, open_admin
from connectors.committed import open_committed_consumer, partitions
from connectors.connection import Connection
from connectors.partition_ends import EARLIEST, LATEST, request_offsets
from connectors.refusals import RefusedError, denied
from connectors.stopping import stop_process
from dashboard.live import Live, Reading
from dashboard.model import InputRange, ProgressLog, Topics
from records import RecordOrigin, readable_headers
from settings import Settings

__all__ = ["Reader", "empty"]

log = structlog.get_logger()

READ_AT_ONCE = 200  # few, so that pages don't wait long for the lock
POLL_SECONDS = 0.1
REQUEST_SECONDS = 2.0  # one attempt to reach a broker
FETCH_WAIT_MS = 200  # how long the broker holds a request for records that aren't there yet
CHECK_SECONDS = 1.0  # how often the input's ends are requested
METADATA_SECONDS = 5.0  # how often new topics and partitions are looked for
# How many offsets back progress is read. Its topic grows by a record and a marker per transaction
# and partition, and only the last ones matter; two minutes of a busy flow are about this many.
LOOK_BACK = 5_000
LOOK_BACK_GROWTH = 8

ALMOST_ALL = 0.999  # shown until every end was reached

NOT_THERE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED)

Place = tuple[str, int]  # a topic and a partition of it


class _TopicsAreGoneError(Exception):
    """Something that was read is no longer there: a topic was recreated, or a disk was lost."""


def empty(settings: Settings) -> Topics:
    """Return the state before anything was read."""
    return Topics(ProgressLog(settings.input_topic))


class Reader:
    """Reads insights, dead letters and progress, and requests the input's ends, until stopped.

    The broker may be away at any time, even at the start: the page says so, and reading continues
    by itself.

    Args:
        settings: name the topics and the broker.
        live: the state to keep up to date.
    """

    def __init__(self, settings: Settings, live: Live) -> None:
        self._settings = settings
        self._live = live
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Read in a background thread, which starts over after an unexpected error and logs it."""
        self._thread = run_in_background("topic-reader", self._read, self._stopping)

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2 * REQUEST_SECONDS)

    def _read(self) -> None:
        """Read until stopped; start over when topics were recreated.

        A broker that denies the page access ends the process with a line.
        """
        try:
            while not self._stopping.is_set():
                self._live.start_over(empty(self._settings))
                self._read_topics()
        except RefusedError as error:
            stop_process(str(error))
        except BaseException:
            self._live.reading = replace(self._live.reading, failed_since=time.time())
            raise

    def _read_topics(self) -> None:
        """Read until stopped, or until the topics that were read are gone."""
        reading = _TopicsBeingRead(self._settings, self._live)
        try:
            while not self._stopping.is_set():
                reading.step()
        except _TopicsAreGoneError:
            log.warning("topics were deleted or lost records: reading all from their beginning")
        finally:
            reading.close()


class _TopicsBeingRead:
    """One pass over the topics: the assigned partitions, and how far each was read.

    A loop of its own, not connectors/committed.py's: it follows partitions of several topics, which
    may be created and deleted meanwhile, and shows how much of them is read.
    """

    def __init__(self, settings: Settings, live: Live) -> None:
        self._settings = settings
        self._live = live
        self._connection = Connection(settings)
        options = quiet_options(self._connection)
        self._consumer = open_committed_consumer(self._connection, FETCH_WAIT_MS, **options)
        self._admin = self._open_admin()
        self._next: dict[Place, int] = {}  # the next offset to read, for each assigned partition
        self._begins: dict[Place, int] = {}  # where reading it began
        self._ends: dict[Place, int] = {}
        self._at_end: set[Place] = set()  # read to their end at least once
        self._back: dict[int, int] = {}  # how far back progress was read, by partition
        self._ids: dict[str, str] = {}  # change when topics are recreated
        self._missed: set[str] = set()  # missing once, as a starting broker may say
        self._inputs: list[int] = []
        self._check_at = self._metadata_at = 0.0

    def close(self) -> None:
        """Close the clients."""
        try:
            self._consumer.close()
        finally:
            self._admin.close()

    def _open_admin(self) -> AdminClient:
        return open_admin(self._connection, **quiet_options(self._connection))

    def step(self) -> None:
        """Check topics and ends when due, then read what has arrived."""
        now = time.monotonic()
        if now >= self._check_at:
            self._check(now)
            self._check_at = time.monotonic() + CHECK_SECONDS
        self._take(self._consumer.consume(READ_AT_ONCE, POLL_SECONDS))

    def _check(self, now: float) -> None:
        reading = self._live.reading
        try:
            if now >= self._metadata_at or reading.missing or reading.away_since:
                self._find_topics()
                self._metadata_at = now + METADATA_SECONDS
            self._ask_for_ends()
        except KafkaException:
            away = reading.away_since or time.time()
            self._live.reading = replace(reading, away_since=away)
            # librdkafka 2.x remembers a partition's leader epoch here for good, and a restarted
            # broker refuses an old one (FENCED_LEADER_EPOCH) until a new client asks.
            self._admin.close()
            self._admin = self._open_admin()
        else:
            read = self._share_read()
            failed = reading.failed_since if read < 1 else None
            self._live.reading = Reading(None, read, self._missing(), self._has_alerts(), failed)

    def _find_topics(self) -> None:
        """Assign all partitions of the topics; new ones are read from their beginning.

        Raises:
            _TopicsAreGoneError: one of them was deleted, and maybe recreated.
        """
        settings = self._settings
        ids = self._topic_ids()  # before anything is read, so that a later recreation is noticed
        changed = any(ids.get(topic, known) != known for topic, known in self._ids.items())
        missing = self._ids.keys() - ids.keys()
        if changed or missing & self._missed:
            raise _TopicsAreGoneError
        self._missed = missing
        self._ids |= ids
        self._inputs = partitions(self._consumer, settings.input_topic)
        found = {
            settings.insights_topic: partitions(self._consumer, settings.insights_topic),
            settings.dead_letter_topic: partitions(self._consumer, settings.dead_letter_topic),
            settings.alerts_topic: self._alert_partitions(),
        }
        new = [
            (topic, partition)
            for topic, numbers in found.items()
            for partition in numbers
            if (topic, partition) not in self._next
        ]
        for place in new:
            self._next[place] = self._begins[place] = 0
        progress = [
            (settings.progress_topic, partition)
            for partition in partitions(self._consumer, settings.progress_topic)
            if (settings.progress_topic, partition) not in self._next
        ]
        for place, end in self._offsets(progress, LATEST).items():
            self._begin_before_end(place, end, LOOK_BACK)
        if new or progress:
            self._assign(self._next)

    def _topic_ids(self) -> dict[str, str]:
        """Return the ids of the topics that exist and may be seen."""
        settings = self._settings
        names = [
            settings.insights_topic,
            settings.dead_letter_topic,
            settings.progress_topic,
            settings.alerts_topic,
        ]
        asked = self._admin.describe_topics(TopicCollection(names), request_timeout=REQUEST_SECONDS)
        ids = {}
        for topic, described in asked.items():
            try:
                ids[topic] = str(described.result().topic_id)
            except KafkaException as error:
                if error.args[0].code() not in NOT_THERE:
                    raise
        return ids

    def _alert_partitions(self) -> list[int]:
        """Return the partitions of the alerts; none without a security flow that writes them.

        Also none where the page may not see them: a page without alerts needs no permission.
        """
        try:
            return partitions(self._consumer, self._settings.alerts_topic)
        except RefusedError:
            return []

    def _begin_before_end(self, place: Place, end: int, back: int) -> None:
        self._back[place[1]] = back
        self._next[place] = self._begins[place] = max(0, end - back)

    def _assign(self, places: Iterable[Place]) -> None:
        self._consumer.assign([TopicPartition(*at, self._next[at]) for at in places])

    def _ask_for_ends(self) -> None:
        inputs = [(self._settings.input_topic, partition) for partition in self._inputs]
        self._ends = self._offsets([*self._next, *inputs], LATEST)
        begins = self._offsets(inputs, EARLIEST)
        ranges = {at[1]: InputRange(begins[at], self._ends[at]) for at in inputs}
        with self._live.changing() as topics:
            topics.ranges = ranges

    def _offsets(self, places: list[Place], which: OffsetSpec) -> dict[Place, int]:
        """Request offsets of many partitions at once, as a reader of committed records."""
        asked_of = [TopicPartition(*place) for place in places]
        asked = request_offsets(self._admin, asked_of, REQUEST_SECONDS, which)
        return {(at.topic, at.partition): found.result().offset for at, found in asked.items()}

    def _take(self, messages: list[Message]) -> None:
        ends = []
        with self._live.changing() as topics:
            for message in messages:
                place, offset, error = _place(message), message.offset() or 0, message.error()
                if error is None:
                    self._advance(place, offset, offset + 1)
                    self._apply(topics, message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._advance(place, offset, offset)
                    ends.append(place)
                elif denied(error):
                    raise RefusedError(f"topic {place[0]}: {error.str()}{denied(error)}")
        for place in ends:
            if not self._read_further_back(place):
                self._at_end.add(place)

    def _advance(self, place: Place, found: int, following: int) -> None:
        """Advance past what was found; it must not be before what was already read."""
        if found < self._next[place]:
            raise _TopicsAreGoneError
        self._next[place] = following

    def _apply(self, topics: Topics, message: Message) -> None:
        topic = message.topic()
        if topic == self._settings.insights_topic:
            topics.apply_insight(message.key(), message.value())
        elif topic == self._settings.alerts_topic:
            topics.apply_alert(message.key(), message.value())
        elif topic == self._settings.dead_letter_topic:
            headers = readable_headers(cast("RecordOrigin", message))
            topics.dead_letters.apply(headers, message.timestamp()[1])
        else:
            topics.apply_progress(message.value(), message.timestamp()[1])

    def _read_further_back(self, place: Place) -> bool:
        """Read progress from further back if none was found up to the end; tell whether it does."""
        topic, partition = place
        if topic != self._settings.progress_topic or self._begins[place] == 0:
            return False
        with self._live.changing() as topics:
            known = topics.progress.knows(partition)
        if not known:
            back = self._back[partition] * LOOK_BACK_GROWTH
            self._begin_before_end(place, self._next[place], back)
            self._assign(self._next)
        return not known

    def _share_read(self) -> float:
        """Return the share of the topics that was read; 1 once every end was reached."""
        if self._at_end >= self._next.keys():
            return 1.0
        whole = sum(self._ends[at] - begin for at, begin in self._begins.items())
        read = sum(self._next[at] - begin for at, begin in self._begins.items())
        return min(ALMOST_ALL, read / whole) if whole > 0 else 0.0

    def _has_alerts(self) -> bool:
        return any(topic == self._settings.alerts_topic for topic, _ in self._next)

    def _missing(self) -> tuple[str, ...]:
        found = {topic for topic, _ in self._next}
        settings = self._settings
        wanted = (settings.insights_topic, settings.dead_letter_topic, settings.progress_topic)
        missing = [topic for topic in wanted if topic not in found]
        return tuple(missing if self._inputs else [settings.input_topic, *missing])


def _place(message: Message) -> Place:
    return message.topic() or "", message.partition() or 0
