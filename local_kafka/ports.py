"""Ports of the loopback interface, and whether a broker answers there."""

import secrets
import socket

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from local_kafka.errors import LocalKafkaError

__all__ = ["HOST", "answers", "free_port", "refuse_port_in_use"]

HOST = "127.0.0.1"
# Below the ports that Linux and macOS give to outgoing connections: while a broker with such a port
# is down, a client that tries to connect may be given that very port, and it can't come back.
CHOICE = range(20_000, 32_000)
ATTEMPT_MS = 1_000


def free_port(besides: int = 0) -> int:
    """Return a port that nothing uses, and that isn't one that will be used soon."""
    while True:
        port = secrets.choice(CHOICE)  # at random: tests in other processes choose at the same time
        if port == besides:
            continue
        try:
            socket.create_server((HOST, port)).close()
        except OSError:
            continue
        return port


def refuse_port_in_use(port: int) -> None:
    """Raise LocalKafkaError if a broker couldn't listen on the port."""
    try:
        socket.create_server((HOST, port)).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LocalKafkaError(
            f"port {port} can't be used ({reason}): end what listens there, or, if that "
            f"is a Kafka, set KAFKA_BOOTSTRAP_SERVERS=localhost:{port} to use it"
        ) from None


def answers(port: int) -> bool:
    """Tell whether a broker answers a request for its metadata."""
    try:
        socket.create_connection((HOST, port), ATTEMPT_MS / 1_000).close()
        with KafkaAdminClient(
            bootstrap_servers=f"{HOST}:{port}", bootstrap_timeout_ms=ATTEMPT_MS
        ) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False
