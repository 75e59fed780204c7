"""How to reach the brokers, as configuration of each of the two Kafka clients."""

from dataclasses import dataclass
from typing import Any

from settings import Settings

__all__ = ["Connection"]

# The name of each setting in librdkafka and in kafka-python.
_CLIENT_NAMES = {
    "kafka_security_protocol": ("security.protocol", "security_protocol"),
    "kafka_sasl_mechanism": ("sasl.mechanisms", "sasl_mechanism"),
    "kafka_sasl_username": ("sasl.username", "sasl_plain_username"),
    "kafka_sasl_password": ("sasl.password", "sasl_plain_password"),
    "kafka_ssl_ca_location": ("ssl.ca.location", "ssl_cafile"),
    "kafka_ssl_certificate_location": ("ssl.certificate.location", "ssl_certfile"),
    "kafka_ssl_key_location": ("ssl.key.location", "ssl_keyfile"),
}


@dataclass(frozen=True)
class Connection:
    """Where the brokers are and how to log in there.

    Attributes:
        settings: the process's settings; only the `KAFKA_*` ones are read here.
    """

    settings: Settings

    @property
    def servers(self) -> str:
        """The bootstrap servers, as set."""
        return self.settings.kafka_bootstrap_servers

    def librdkafka(self) -> dict[str, Any]:
        """Return the connection as configuration of a confluent-kafka client."""
        return {"bootstrap.servers": self.servers, **self._security(0)}

    def kafka_python(self) -> dict[str, Any]:
        """Return the connection as keyword arguments of a kafka-python client."""
        return {"bootstrap_servers": self.servers.split(","), **self._security(1)}

    def _security(self, client: int) -> dict[str, str]:
        password = self.settings.kafka_sasl_password
        values = {
            **{name: getattr(self.settings, name) for name in _CLIENT_NAMES},
            "kafka_sasl_password": password and password.get_secret_value(),
        }
        return {_CLIENT_NAMES[name][client]: value for name, value in values.items() if value}
