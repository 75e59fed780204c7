"""Checks the flow's topics every second while it runs, whatever its workers do."""

import atexit
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Event, Thread
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from background import run_in_background
from connectors.client_log import client_options
from connectors.clients import RECONNECTING, AdminClient, open_admin
from connectors.connection import Connection
from connectors.stopping import stop_process
from connectors.topic_changes import CONFIRM_SECONDS, Answer, Change, Topic, TopicChanges
from connectors.topics import FlowTopics
from monitoring import observe
from settings import Settings

__all__ = ["TopicWatch", "blame_changed_topics", "watch_topics"]

REQUEST_SECONDS = 5.0
POLL_SECONDS = 0.05  # how soon an answer, or the end of the process, is seen
LOOKS = 2  # without a change: then the topics aren't the cause

_watches: list["TopicWatch"] = []  # of this process: one, once it runs


def watch_topics(
    settings: Settings, topics: FlowTopics, draining: Event, heard: Callable[[], None]
) -> None:
    """Look at the flow's topics every second, in a thread; stop the process on a change.

    The flow's own clients can't do this: workers serve them, and a worker that has nothing to write
    is blocked, too, while another one of its cluster waits for Kafka.

    Args:
        settings: the process's settings.
        topics: as found at start.
        draining: once set, no change stops the process: it ends anyway.
        heard: called after each answer of a broker, in that thread.
    """
    watch = TopicWatch(settings, topics)
    _watches.append(watch)
    ending = Event()
    work = partial(watch.run, draining, heard, ending)
    atexit.register(_end, run_in_background("topic-watch", work, ending), ending)


def blame_changed_topics() -> None:
    """Stop the process if its topics have changed; to be called before it stops for a symptom.

    The offset to read next is out of range in a recreated topic, as it is after retention.
    """
    for watch in _watches:
        watch.stop_if_changed()


class TopicWatch:
    """Asks brokers for the flow's topics.

    Args:
        settings: the process's settings.
        topics: as found at start.
    """

    def __init__(self, settings: Settings, topics: FlowTopics) -> None:
        self._connection = Connection(settings)
        self._topics = topics
        self._written = frozenset(
            {topics.output, topics.dead_letters, topics.progress, topics.upserts}
        )

    def run(self, draining: Event, heard: Callable[[], None], ending: Event) -> None:
        """Look every second until `ending` is set; see watch_topics."""
        changes = TopicChanges(self._topics, self._written)
        with self._open_client() as admin:
            while not ending.is_set():
                answer = ask(admin, changes.names, ending)
                if answer is not None:
                    heard()
                change = changes.judge(answer)
                if change is not None and not draining.is_set():
                    _stop(change)
                ending.wait(changes.pause)

    def stop_if_changed(self) -> None:
        """Look until it is certain whether the topics have changed, and stop the process if so."""
        changes = TopicChanges(self._topics, self._written)
        looks = 0
        with self._open_client() as admin:
            while looks < LOOKS or changes.suspected:
                if change := changes.judge(ask(admin, changes.names, Event())):
                    _stop(change)
                time.sleep(CONFIRM_SECONDS)
                looks += 1

    def _open_client(self) -> AdminClient:
        return open_admin(self._connection, RECONNECTING, **client_options(self._connection))


def _end(thread: Thread, ending: Event) -> None:
    """End the watch before the interpreter: no answer may arrive while that is shutting down."""
    ending.set()
    thread.join()


def _stop(change: Change) -> None:
    stop_process(change.line, partial(observe.topic_changed, change.kind))


def ask(admin: AdminClient, names: list[str], ending: Event) -> Answer | None:
    """Ask a broker for topics.

    Args:
        admin: the client; it is served meanwhile.
        names: the topics'.
        ending: ends the wait when set.

    Returns:
        What it says; None when no broker answers.
    """
    cluster = admin.describe_cluster(request_timeout=REQUEST_SECONDS)
    described = admin.describe_topics(TopicCollection(names), request_timeout=REQUEST_SECONDS)
    asked: list[Future[Any]] = [cluster, *described.values()]
    while not all(one.done() for one in asked):
        admin.poll(0)  # serves the client's log lines and errors
        if ending.wait(POLL_SECONDS):
            return None
    try:
        topics = {name: _topic(answer) for name, answer in described.items() if not _kept(answer)}
        return Answer(len(cluster.result().nodes), topics)
    except KafkaException:
        return None


def _kept(answer: Future[Any]) -> bool:
    """Tell whether the broker won't say whether the topic exists."""
    code = _code(answer)
    return code > 0 and code != KafkaError.UNKNOWN_TOPIC_OR_PART


def _code(answer: Future[Any]) -> int:
    """Return a request's error code: 0 for none, negative for one of the client's own."""
    error = answer.exception()
    return error.args[0].code() if isinstance(error, KafkaException) else 0


def _topic(answer: Future[Any]) -> Topic | None:
    """Return what the broker says, with the topic's id written as FlowTopics has it.

    Raises:
        KafkaException: no broker has answered.
    """
    if _code(answer) == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return None
    description = answer.result()
    id_in_base64 = f"{description.topic_id}=="  # without its padding; all zeros for no id
    found = UUID(bytes=urlsafe_b64decode(id_in_base64))
    return Topic(str(found) if found.int else "", len(description.partitions))
