"""Uses what containers publish, where they publish it: run by Engine.python.

python -m tests.containers.published read TOPIC
python -m tests.containers.published end TOPIC
python -m tests.containers.published get URL
python -m tests.containers.published ask PORT WORD
"""

import socket
import sys
import urllib.request
from collections.abc import Callable

from tests.support.logins import records
from tests.support.topics import Topics

KAFKA = "localhost:29092"
SECONDS = 10.0
PARTITIONS = 4


def read(topic: str) -> None:
    """Print the committed records' values, each a line, null for none."""
    for record in Topics(KAFKA).read(topic):
        print((record.value or b"null").decode())


def end(topic: str) -> None:
    """Print how many offsets of a topic are used by committed records and markers."""
    print(sum(Topics(KAFKA).ends(topic).values()))


def logins(topic: str, first: str, end: str) -> None:
    """Send the logins of these numbers, and make the topic for the first."""
    topics = Topics(KAFKA)
    if first == "0":
        topics.make(topic, PARTITIONS)
    topics.send(topic, records(range(int(first), int(end)), PARTITIONS))


def get(url: str) -> None:
    """Print what a web server answers."""
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310  # the tests' own
        print(answer.read().decode())


def ask(port: str, word: str) -> None:
    """Print what a server answers to a word."""
    with socket.create_connection(("127.0.0.1", int(port)), SECONDS) as connection:
        connection.sendall(word.encode())
        while part := connection.recv(4096):
            print(part.decode(), end="")


if __name__ == "__main__":
    commands: list[Callable[..., None]] = [read, end, logins, get, ask]
    {command.__name__: command for command in commands}[sys.argv[1]](*sys.argv[2:])
