"""A local Kafka with a listener for each way to secure one, and with access control."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from local_kafka import LocalKafka
from local_kafka.ports import HOST
from tests.security.certificates import Authority
from tests.support.flow import PROJECT, Flow
from tests.support.ports import unused_port
from tests.support.waiting import DEADLINE_SECONDS

__all__ = [
    "PASSWORD",
    "RESTRICTED",
    "USER",
    "SecuredKafka",
    "run_program",
    "secured_kafka",
    "set_password",
]

USER = "login-processor"
RESTRICTED = "restricted"  # may do what access rules say, and nothing else
PASSWORD = "s3cret-Passw0rd-0f-the-tests"  # noqa: S105 - of a broker that lives for one test run
SCRAM = (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)

# Each listener's name and protocol. The plain one is for the tests' own client and, as every
# LocalKafka has it, for the broker to see when it is ready.
LISTENERS = {
    "PLAINTEXT": "PLAINTEXT",
    "TLS": "SSL",
    "MUTUAL_TLS": "SSL",
    "LOGIN": "SASL_PLAINTEXT",
    "LOGIN_TLS": "SASL_SSL",
    "SHORT_LOGIN": "SASL_PLAINTEXT",  # to be renewed every few seconds
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
}
SHORT_LOGIN_MS = "3000"
CERTIFICATES = {"EXPIRED": "expired", "ELSEWHERE": "elsewhere"}


class SecuredKafka:
    """A running broker and what its clients need to know.

    Args:
        broker: the running broker; its own address is the plain listener's.
        authority: issued the broker's certificates, and may issue clients'.
        servers: where each listener is, by its name.
    """

    def __init__(self, broker: LocalKafka, authority: Authority, servers: dict[str, str]) -> None:
        self.broker = broker
        self.authority = authority
        self._servers = servers

    def link(self, listener: str, **changes: str) -> dict[str, str]:
        """Return the settings of a client that trusts the authority; a change to "" unsets one."""
        protocol = LISTENERS[listener]
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": self._servers[listener],
            "KAFKA_SECURITY_PROTOCOL": protocol,
        }
        if "SSL" in protocol:
            settings["KAFKA_SSL_CA_LOCATION"] = str(self.authority.file)
        if "SASL" in protocol:
            settings |= {
                "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
                "KAFKA_SASL_USERNAME": USER,
                "KAFKA_SASL_PASSWORD": PASSWORD,
            }
        return settings | changes

    def certificate(self, authority: Authority | None = None) -> dict[str, str]:
        """Return the settings of a client with a certificate of its own."""
        issued = (authority or self.authority).issue(USER, "client.test")
        return {
            "KAFKA_SSL_CERTIFICATE_LOCATION": str(issued.certificate),
            "KAFKA_SSL_KEY_LOCATION": str(issued.key),
        }


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """Run a broker with every listener while the block runs."""
    authority = Authority(folder / "certificates")
    authority.issue("broker", HOST, "localhost")
    authority.issue("expired", HOST, "localhost", expired=True)
    authority.issue("elsewhere", "kafka.elsewhere.test")
    ports = {name: unused_port() for name in [*LISTENERS, "CONTROLLER"]}
    servers = {name: f"{HOST}:{port}" for name, port in ports.items()}
    properties = _listeners(servers) | _tls(folder / "certificates", authority) | _logins()
    with LocalKafka(folder / "kafka", ports["PLAINTEXT"], properties | _access()) as broker:
        for user in (USER, RESTRICTED):
            set_password(broker.bootstrap_servers, user, PASSWORD)
        yield SecuredKafka(broker, authority, servers)


def _listeners(servers: dict[str, str]) -> dict[str, str]:
    all_of_them = [f"{name}://{server}" for name, server in servers.items()]
    protocols = LISTENERS | {"CONTROLLER": "PLAINTEXT"}
    return {
        "listeners": ",".join(all_of_them),
        "advertised.listeners": ",".join(one for one in all_of_them if "CONTROLLER" not in one),
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{servers['CONTROLLER']}",
    }


def _tls(folder: Path, authority: Authority) -> dict[str, str]:
    properties = {
        "ssl.keystore.type": "PEM",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.mutual_tls.ssl.client.auth": "required",
    }
    for name, protocol in LISTENERS.items():
        if protocol.endswith("SSL"):
            prefix = f"listener.name.{name.lower()}.ssl"
            certificate = CERTIFICATES.get(name, "broker")
            properties[f"{prefix}.keystore.location"] = str(folder / f"{certificate}.pem")
    return properties


def _logins() -> dict[str, str]:
    users = " ".join(f'user_{name}="{PASSWORD}"' for name in (USER, RESTRICTED))
    modules = {
        "plain": f"plain.PlainLoginModule required {users}",
        "scram-sha-256": "scram.ScramLoginModule required",
        "scram-sha-512": "scram.ScramLoginModule required",
    }
    package = "org.apache.kafka.common.security"
    properties = {"sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"}
    properties["listener.name.short_login.connections.max.reauth.ms"] = SHORT_LOGIN_MS
    for listener in ("login", "login_tls", "short_login"):
        for mechanism, module in modules.items():
            name = f"listener.name.{listener}.{mechanism}.sasl.jaas.config"
            properties[name] = f"{package}.{module};"
    return properties


def _access() -> dict[str, str]:
    """Return the access rules: everybody but the restricted user may do everything."""
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:ANONYMOUS;User:{USER};User:CN={USER}",
        # What a client's certificate says beside its common name is trustme's.
        "ssl.principal.mapping.rules": "RULE:^.*(CN=[^,]*).*$/$1/,DEFAULT",
    }


def run_program(
    flow: Flow, command: list[str], settings: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run one of the programs to its end.

    Args:
        flow: whose topics and group it gets.
        command: the module and its options.
        settings: further settings.
    """
    return subprocess.run(
        [sys.executable, "-m", *command],
        env=flow.environment(**settings),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def set_password(servers: str, user: str, password: str) -> None:
    """Make a user, or change its password, for both SCRAM mechanisms."""
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        for mechanism in SCRAM:  # a request takes each user once only
            change = UserScramCredentialUpsertion(user, mechanism, password)
            answers = admin.alter_user_scram_credentials([change])
            assert not any(answers.values()), answers
