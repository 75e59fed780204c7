"""Checks the flow's topics every second while it runs, even while its workers are blocked."""

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

__all__ = ["TopicWatch", "stop_if_topics_changed", "watch_topics"]

REQUEST_SECONDS = 5.0
POLL_SECONDS = 0.05  # how soon an answer, or the end of the process, is noticed
CHECKS = 2  # without a change: then the topics aren't the cause

_watches: list["TopicWatch"] = []  # of this process: one, once it runs


def watch_topics(
    settings: Settings, topics: FlowTopics, draining: Event, on_answer: Callable[[], None]
) -> None:
    """Check the flow's topics every second, in a thread; stop the process on a change.

    The flow's own clients can't do this: workers serve them, and while one worker of a cluster
    waits for Kafka, the others are blocked, too.

    Args:
        settings: the process's settings.
        topics: as found at start.
        draining: once set, no change stops the process, which ends anyway.
        on_answer: called after each answer from a broker, in that thread.
    """
    watch = TopicWatch(settings, topics)
    _watches.append(watch)
    ending = Event()
    work = partial(watch.run, draining, on_answer, ending)
    atexit.register(_end, run_in_background("topic-watch", work, ending), ending)


def stop_if_topics_changed() -> None:
    """Stop the process if its topics have changed; called before it stops for a mere symptom.

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

    def run(self, draining: Event, on_answer: Callable[[], None], ending: Event) -> None:
        """Check every second until `ending` is set; see watch_topics."""
        changes = TopicChanges(self._topics, self._written)
        with self._open_client() as admin:
            while not ending.is_set():
                answer = ask(admin, changes.names, ending)
                if answer is not None:
                    on_answer()
                change = changes.check(answer)
                if change is not None and not draining.is_set():
                    _stop(change)
                ending.wait(changes.pause)

    def stop_if_changed(self) -> None:
        """Check until it is certain whether the topics have changed, and stop the process if so."""
        changes = TopicChanges(self._topics, self._written)
        checks = 0
        with self._open_client() as admin:
            while checks < CHECKS or changes.suspected:
                if change := changes.check(ask(admin, changes.names, Event())):
                    _stop(change)
                time.sleep(CONFIRM_SECONDS)
                checks += 1

    def _open_client(self) -> AdminClient:
        return open_admin(self._connection, RECONNECTING, **client_options(self._connection))


def _end(thread: Thread, ending: Event) -> None:
    """End the watch before the interpreter shuts down: no answer may arrive after that."""
    ending.set()
    thread.join()


def _stop(change: Change) -> None:
    stop_process(change.line, partial(observe.topic_changed, change.kind))


def ask(admin: AdminClient, names: list[str], ending: Event) -> Answer | None:
    """Ask a broker for topics.

    Args:
        admin: the client; its callbacks are served meanwhile.
        names: of the topics.
        ending: ends the wait when set.

    Returns:
        Its answer; None if no broker answers.
    """
    cluster = admin.describe_cluster(request_timeout=REQUEST_SECONDS)
    described = admin.describe_topics(TopicCollection(names), request_timeout=REQUEST_SECONDS)
    asked: list[Future[Any]] = [cluster, *described.values()]
    while not all(one.done() for one in asked):
        admin.poll(0)  # serves the client's log lines and errors
        if ending.wait(POLL_SECONDS):
            return None
    try:
        topics = {
            name: _topic(answer) for name, answer in described.items() if not _is_withheld(answer)
        }
        return Answer(len(cluster.result().nodes), topics)
    except KafkaException:
        return None


def _is_withheld(answer: Future[Any]) -> bool:
    """Tell whether the broker doesn't say whether the topic exists."""
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
