"""A broker that denies this program access, as opposed to one that is away: waiting won't help."""

import re
import socket
import ssl
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException

from connectors.clients import open_admin
from connectors.connection import Connection

__all__ = [
    "LACKS_PERMISSION",
    "BrokerCheck",
    "RefusedError",
    "denied",
    "forbidden",
    "no_broker",
    "refusal",
]

LONGEST_RECONNECT_PAUSE_MS = 1_000
POLL_SECONDS = 0.05
HANDSHAKE_SECONDS = 2.0
REFUSALS = {KafkaError._AUTHENTICATION, KafkaError._SSL}
DENIALS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
LACKS_PERMISSION = (
    "; the Kafka user of this program lacks a permission: docs/security.md lists them"
)
# librdkafka: "ssl://HOST:PORT/bootstrap: WHAT HAPPENED (after 3ms in state ...)".
_parts = re.compile(r"(?:\w+://)?([^/\s]+:[0-9]+)\S*: (.*?)(?: \(after .*)?").fullmatch


class RefusedError(Exception):
    """A broker denies this program access; the text is one line that says why and what to do."""


class BrokerCheck:
    """Checks whether a broker answers and accepts this program's credentials, in a `with` block.

    librdkafka asks, for both programs: kafka-python 3.0.12 drops an answer that comes together with
    the end of its connection, as the answer to a wrong password does.

    Args:
        connection: where the brokers are and how to log in there.

    Raises:
        RefusedError: the client can't be made of these settings.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._errors: list[KafkaError] = []
        options: dict[str, Any] = {
            "reconnect.backoff.max.ms": LONGEST_RECONNECT_PAUSE_MS,
            "log_level": 0,  # the errors say everything
            "error_cb": self._errors.append,
        }
        try:
            self._client = open_admin(connection, options)
        except KafkaException as error:
            reason = error.args[0].str()
            raise RefusedError(f"the KAFKA_* settings don't work: {reason}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    @property
    def reason(self) -> str:
        """Why no broker answered, in brackets; empty if unknown."""
        causes = [error for error in self._errors if error.code() != KafkaError._ALL_BROKERS_DOWN]
        return f" ({_split(causes[-1])[1]})" if causes else ""

    def answers(self, seconds: float) -> bool:
        """Tell whether a broker answers in time.

        Raises:
            RefusedError: one answers, but denies this program access.
        """
        cluster = self._client.describe_cluster(request_timeout=seconds)
        while not cluster.done():
            self._client.poll(POLL_SECONDS)
            for error in self._errors:
                if why := refusal(error, self._connection):
                    raise RefusedError(why)
        return cluster.exception() is None


def refusal(error: KafkaError, connection: Connection) -> str | None:
    """Return one line that says why access is denied, or None for any other error.

    Args:
        error: as a client's `error_cb` gets it.
        connection: the client's.
    """
    server, happened = _split(error)
    if error.code() == KafkaError._AUTHENTICATION:
        return (
            f"Kafka at {server} refuses the login: {happened}; "
            "set the right KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
        )
    if "certificate verify failed" in happened:
        fault = _certificate_fault(server, connection.settings.kafka_ssl_ca_location)
        return (
            f"the certificate of Kafka at {server} can't be trusted: {fault}; set "
            "KAFKA_SSL_CA_LOCATION to its authority's, or fix the broker's certificate"
        )
    if error.code() == KafkaError._SSL or "SSL alert" in happened:
        return (
            f"Kafka at {server} refuses the TLS connection: {happened}; set the right "
            "KAFKA_SSL_CERTIFICATE_LOCATION and KAFKA_SSL_KEY_LOCATION"
        )
    return None


def no_broker(connection: Connection, reason: str = "") -> str:
    """Return a line that says that no broker answers, and what to do.

    Args:
        connection: where the brokers should be.
        reason: from BrokerCheck, if it is known.
    """
    return (
        f"no Kafka broker answers at {connection.servers}{reason}: "
        "start one (make kafka, or docker compose up -d) or set KAFKA_BOOTSTRAP_SERVERS"
    )


def denied(error: KafkaError) -> str:
    """Return what to do about a missing permission; nothing for any other error."""
    return LACKS_PERMISSION if error.code() in DENIALS else ""


def forbidden(error: BaseException) -> str:
    """Return the same for an error of kafka-python, which wraps some in the text of another."""
    return LACKS_PERMISSION if "AuthorizationFailedError" in str(error) else ""


def _split(error: KafkaError) -> tuple[str, str]:
    """Return which broker an error is about, and what happened there."""
    found = _parts(error.str())
    return (found[1], found[2]) if found else ("the brokers", error.str())


def _certificate_fault(server: str, authority: str | None) -> str:
    """Check a broker's certificate again: librdkafka doesn't say what is wrong with it."""
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        context = ssl.create_default_context(cafile=authority)
        with (
            socket.create_connection((host, int(port)), HANDSHAKE_SECONDS) as link,
            context.wrap_socket(link, server_hostname=host),
        ):
            return "it is valid now"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message.rstrip(".")
    except OSError:
        return "it could not be checked again"
