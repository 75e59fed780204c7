"""No Kafka client is left to the garbage collector, which may abort the process with it."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from connectors import clients, committed, hanging
from connectors.clients import AdminClient
from connectors.connection import Connection
from connectors.hanging import open_among
from connectors.refusals import BrokerCheck
from connectors.writers import open_writer
from dashboard import reader
from dashboard.live import Live
from dashboard.reader import _TopicsBeingRead, empty
from dlq.reading import open_reader
from settings import Settings
from tests.support.stopped import StoppedError, stop

ROOT = Path(__file__).parents[2]
# The benchmarks measure the client library by itself; they have no answers from other threads.
ELSEWHERE = {"tests", "benchmarks"}
CLIENTS = {"Consumer", "Producer", "AdminClient"}
NOBODY = "127.0.0.1:1"
END_SECONDS = 60.0


@pytest.fixture
def settings() -> Settings:
    """Settings of a Kafka that doesn't answer."""
    return Settings(kafka_bootstrap_servers=NOBODY, delivery_guarantee="at_least_once")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All clients that are made from now on."""
    found: list[Any] = []

    def noted(make: Callable[..., Any]) -> Callable[..., Any]:
        def make_noted(*arguments: Any, **options: Any) -> Any:
            found.append(make(*arguments, **options))
            return found[-1]

        return make_noted

    for name in CLIENTS:
        monkeypatch.setattr(clients, name, noted(getattr(clients, name)))
    return found


def is_closed(client: Any) -> bool:
    """Tell whether a client can't be used any more."""
    try:
        client.poll(0)
    except RuntimeError:
        return True
    return False


def test_clients_are_made_in_one_place() -> None:
    """Where they are made says how they are closed: no other module of the programs makes any."""
    folders = (path for path in ROOT.iterdir() if path.name[0] != "." and path.is_dir())
    packages = (path for path in folders if path.name not in ELSEWHERE)
    modules = [*ROOT.glob("*.py"), *(module for one in packages for module in one.rglob("*.py"))]
    making = {str(path.relative_to(ROOT)) for path in modules if _makes_a_client(path)}
    assert making == {"connectors/clients.py"}


def _makes_a_client(path: Path) -> bool:
    tree = ast.walk(ast.parse(path.read_text()))
    called = (node.func for node in tree if isinstance(node, ast.Call))
    names = {one.id if isinstance(one, ast.Name) else getattr(one, "attr", "") for one in called}
    return bool(names & {*CLIENTS, "_AdminClient"})


def test_an_admin_client_can_be_closed_twice(settings: Settings) -> None:
    """Whoever closes it need not know whether it was done."""
    client = clients.open_admin(Connection(settings), {"log_level": 0})
    client.close()
    client.close()
    assert is_closed(client)


def test_a_check_of_the_broker_closes_its_client(settings: Settings, made: list[Any]) -> None:
    """A request without an answer doesn't hold it."""
    with BrokerCheck(Connection(settings)) as check:
        assert not check.answers(0.01)
    assert [is_closed(client) for client in made] == [True]


def test_a_search_for_open_transactions_closes_its_client(
    settings: Settings, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even without an answer."""
    monkeypatch.setattr(hanging, "REQUEST_SECONDS", 0.01)
    monkeypatch.setattr(hanging, "DEADLINE_SECONDS", 0.0)
    monkeypatch.setattr(hanging, "stop_process", stop)
    with pytest.raises(StoppedError):
        open_among([TopicPartition("topic", 0)], Connection(settings))
    assert [is_closed(client) for client in made] == [True]


def test_a_reader_of_dead_letters_closes_its_client(settings: Settings, made: list[Any]) -> None:
    """The command ends at once, not when Python gets to it."""
    with open_reader(settings, Event()):
        pass
    assert [is_closed(client) for client in made] == [True]


def test_a_writer_that_is_closed_closes_its_client(settings: Settings, made: list[Any]) -> None:
    """A partition that ends leaves no producer behind."""
    open_writer(settings, "id", "partition 0", [1_000_000]).close()
    assert [is_closed(client) for client in made] == [True]


def test_the_live_page_closes_a_client_that_it_replaces(
    settings: Settings, made: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It makes a new one each time that Kafka doesn't answer, for hours if need be."""
    monkeypatch.setattr(committed, "METADATA_SECONDS", 0.01)
    monkeypatch.setattr(reader, "REQUEST_SECONDS", 0.01)
    topics = _TopicsBeingRead(settings, Live(empty(settings)))
    topics._check(0.0)
    admins = [client for client in made if isinstance(client, AdminClient)]
    assert [is_closed(client) for client in admins] == [True, False]
    topics.close()
    assert all(map(is_closed, made))
    assert len(made) == len(admins) + 1


def run(script: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    command = [sys.executable, "-X", "faulthandler", "-c", script]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=END_SECONDS, check=False
    )


REFUSED_IN_MID_REQUEST = """
import gc, socket, threading
from concurrent.futures import Future
from connectors.connection import Connection
from connectors.refusals import BrokerCheck, RefusedError
from settings import Settings

answered = threading.Event()
set_exception = Future.set_exception

def collect_first(future, exception):  # in one of librdkafka's threads
    gc.collect()
    set_exception(future, exception)
    answered.set()

def refuse():
    while True:
        link, _ = listener.accept()
        link.sendall(b"HTTP/1.1 400 Bad Request")

def ask():
    with BrokerCheck(Connection(settings)) as check:
        garbage = [check]
        garbage.append(garbage)
        try:
            check.answers(20.0)
        except RefusedError:
            print("refused")

gc.disable()
Future.set_exception = collect_first
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=refuse, daemon=True).start()
servers = "127.0.0.1:%d" % listener.getsockname()[1]
settings = Settings(kafka_bootstrap_servers=servers, kafka_security_protocol="SSL")
ask()
answered.wait()
print("alive")
"""


def test_garbage_that_is_collected_in_a_clients_own_thread_ends_nothing() -> None:
    """The check is done and forgotten before its request is: that fails a moment later."""
    ended = run(REFUSED_IN_MID_REQUEST)
    assert (ended.stdout.split(), ended.returncode) == (["refused", "alive"], 0), ended.stderr


WATCHED = """
import atexit, threading
from threading import Event
from connectors.topic_watch import watch_topics
from settings import Settings
from tests.support.input_partitions import FLOW_TOPICS

def left():
    print([thread.name for thread in threading.enumerate()])

atexit.register(left)
settings = Settings(kafka_bootstrap_servers="127.0.0.1:1")
watch_topics(settings, FLOW_TOPICS, Event(), print)
"""


def test_the_watch_over_topics_ends_before_the_interpreter() -> None:
    """An answer that comes later would call a Python that is half taken down."""
    ended = run(WATCHED)
    assert (ended.stdout.splitlines()[-1], ended.returncode) == ("['MainThread']", 0), ended.stderr
