"""Settings of every program here, from the environment or a `.env` file.

`python -m settings` prints the settings in force, secrets hidden. Names and defaults are part of
the contract with the people who deploy this: the table may grow, a name in it never changes.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["Settings", "load_flow_settings", "load_settings"]

LONGEST_TOPIC_NAME = 249  # Kafka's own limit: a topic is a folder name with a partition number
TOPIC_CHARACTERS = r"^[a-zA-Z0-9._-]+$"
HIGHEST_PORT = 65_535
ONE_DAY_SECONDS = 86_400
SHORTEST_KEY = 32  # characters: a key that can be guessed makes pseudonyms that can be undone


def _no_dot_names(topic: str) -> str:
    """Refuse `.` and `..`, the two names that Kafka's pattern allows and Kafka refuses."""
    if topic in {".", ".."}:
        raise ValueError("a topic can't be named . or ..")
    return topic


def _long_enough(key: SecretStr) -> SecretStr:
    """Refuse a key that can be guessed."""
    if len(key.get_secret_value()) < SHORTEST_KEY:
        raise ValueError(f"at least {SHORTEST_KEY} characters, such as openssl rand -hex 32 gives")
    return key


def _a_file(path: str) -> str:
    """Refuse a file that isn't there: what the Kafka clients say about it is hard to read."""
    if not os.access(path, os.R_OK) or not Path(path).is_file():
        raise ValueError("a file that can be read")
    return path


File = Annotated[str, AfterValidator(_a_file)]
Topic = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_TOPIC_NAME, pattern=TOPIC_CHARACTERS),
    AfterValidator(_no_dot_names),
]
# The group names the progress topic ({group}-progress), so it has a topic's characters.
Group = Annotated[str, Field(min_length=1, max_length=200, pattern=TOPIC_CHARACTERS)]
Port = Annotated[int, Field(ge=1, le=HIGHEST_PORT)]


class Settings(BaseSettings):
    """What can be set, with defaults and ranges."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    kafka_bootstrap_servers: str = Field(
        default="localhost:29092",
        min_length=1,
        description="the brokers: HOST:PORT, several with commas between them",
    )
    kafka_group_id: Group = Field(
        default="login-processor-group",
        description="names the progress topic, the transactions and the offsets; with a new one "
        "everything is processed again",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] | None = (
        Field(default=None, description="how to connect to the brokers ([security](security.md))")
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="how to log in there"
    )
    kafka_sasl_username: str | None = Field(default=None, description="the Kafka user")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="its password")
    kafka_ssl_ca_location: File | None = Field(
        default=None,
        description="a PEM file with the authorities to trust; unset: the system's",
    )
    kafka_ssl_certificate_location: File | None = Field(
        default=None, description="a PEM file with the client's certificate, for mutual TLS"
    )
    kafka_ssl_key_location: File | None = Field(
        default=None, description="a PEM file with its private key"
    )

    input_topic: Topic = Field(default="user-login", description="raw logins")
    output_topic: Topic = Field(default="processed-user-login", description="clean logins")
    insights_topic: Topic = Field(
        default="login-insights", description="windows of counts ([insights](insights.md))"
    )
    dead_letter_topic: Topic = Field(
        default="user-login-dlq",
        description="records that are not valid logins ([dead letters](dead-letters.md))",
    )
    alerts_topic: Topic = Field(
        default="login-alerts",
        description="what the security flow writes ([alerts](alerts.md)); its dead letters go to "
        "`{ALERTS_TOPIC}-dlq`",
    )

    delivery_guarantee: Literal["exactly_once", "at_least_once"] = Field(
        default="exactly_once",
        description="`at_least_once`: no transactions; duplicates after a crash",
    )
    stop_at_end: bool = Field(
        default=False,
        description="end at the input's end as seen at startup, for backfills; "
        "[exit status](operations.md#exit-status) 3 if an open transaction held records back",
    )
    batch_size: int = Field(
        default=2_000, ge=1, le=100_000, description="the most records in a batch"
    )
    batch_interval_ms: int = Field(
        default=50, ge=0, le=10_000, description="for how long a small batch is gathered"
    )
    window_seconds: int = Field(
        default=60, ge=1, le=ONE_DAY_SECONDS, description="the length of a window of the insights"
    )
    allowed_lateness_seconds: int = Field(
        default=10,
        ge=0,
        le=ONE_DAY_SECONDS,
        description="how late a login may arrive and still count in its window",
    )
    idle_partition_seconds: int = Field(
        default=60,
        ge=1,
        le=ONE_DAY_SECONDS,
        description="a partition without a login for this long no longer holds windows open",
    )
    report_every: int = Field(
        default=100,
        ge=1,
        description="logins between two reports, at most one per second; a report is seven lines "
        "of a log, so the compose files and Kubernetes set more",
    )
    on_missing_state: Literal["replay", "continue"] = Field(
        default="replay",
        description="without a snapshot, rebuild totals from the input; `continue`: begin at zero",
    )
    on_unreadable: Literal["stop", "skip"] = Field(
        default="stop",
        description="a batch that the Kafka client can't read stops the flow; `skip`: it is "
        "skipped, and a dead letter holds its bytes and offsets",
    )
    create_topics: bool = Field(
        default=True,
        description="create missing topics, and give the dead-letter and progress topics as many "
        "partitions as the input; false: refuse to start where that is needed",
    )
    broker_wait_seconds: int = Field(
        default=30,
        ge=0,
        le=ONE_DAY_SECONDS,
        description="how long a start waits for a broker and the input topic",
    )
    max_dead_letter_ratio: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="a larger share of dead letters among the last 10,000 records stops the flow; "
        "0: never",
    )
    alert_window_seconds: int = Field(
        default=300, ge=1, le=ONE_DAY_SECONDS, description="the length of a window of the alerts"
    )
    alert_lateness_seconds: int = Field(
        default=60,
        ge=0,
        le=ONE_DAY_SECONDS,
        description="how late a login may arrive and still count for alerts",
    )
    alert_network_users: int = Field(
        default=50,
        ge=2,
        le=1_000_000,
        description="this many users of one network in a window are a password spray",
    )
    alert_user_networks: int = Field(
        default=12,
        ge=2,
        le=100,
        description="this many networks in a window are too many for one user",
    )
    alert_user_locales: int = Field(
        default=3,
        ge=2,
        le=100,
        description="this many states or countries in a window are too many for one user",
    )
    alert_burst_logins: int = Field(
        default=200,
        ge=1,
        le=1_000_000_000,
        description="this many logins of a network in a window are a burst, if they are also "
        "`ALERT_BURST_FACTOR` times the usual number",
    )
    alert_burst_factor: float = Field(
        default=10, gt=1, le=1_000_000, description="see `ALERT_BURST_LOGINS`"
    )
    user_id_key: Annotated[SecretStr, AfterValidator(_long_enough)] | None = Field(
        default=None,
        description=f"a secret of at least {SHORTEST_KEY} characters: user and device ids are "
        "written only as keyed hashes",
    )
    dashboard_host: str = Field(
        default="127.0.0.1", min_length=1, description="where the live page is served"
    )
    dashboard_port: Port = Field(default=8_080, description="the live page's port")
    metrics_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="where metrics and health are served; 0.0.0.0 in a container",
    )
    metrics_port: Port | None = Field(
        default=None,
        description="serve metrics and health on this port; further processes of a cluster on the "
        "same host use the ports after it ([monitoring](monitoring.md))",
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="`json`: for machines"
    )

    @property
    def progress_topic(self) -> str:
        """The compacted topic that holds, for each input partition, how far outputs are written."""
        return f"{self.kafka_group_id}-progress"

    @model_validator(mode="after")
    def _security_is_whole(self) -> Self:
        """Refuse a half-set login: the client would fail later, and less clearly."""
        login = (self.kafka_sasl_mechanism, self.kafka_sasl_username, self.kafka_sasl_password)
        protocol = self.kafka_security_protocol or "PLAINTEXT"
        if protocol.startswith("SASL") and None in login:
            raise ValueError(
                f"KAFKA_SECURITY_PROTOCOL={protocol} needs KAFKA_SASL_MECHANISM, "
                "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
            )
        if not protocol.startswith("SASL") and login != (None, None, None):
            raise ValueError(
                "KAFKA_SASL_* is set: set KAFKA_SECURITY_PROTOCOL to SASL_PLAINTEXT or SASL_SSL"
            )
        certificate = (self.kafka_ssl_certificate_location, self.kafka_ssl_key_location)
        if (certificate[0] is None) != (certificate[1] is None):
            raise ValueError(
                "set both KAFKA_SSL_CERTIFICATE_LOCATION and KAFKA_SSL_KEY_LOCATION, or neither"
            )
        return self


def load_settings() -> Settings:
    """Read the settings, or print one line for each wrong one and exit with status 1."""
    try:
        return Settings()
    except ValidationError as error:
        for fault in error.errors():
            print(_fault_line(fault), file=sys.stderr)
        raise SystemExit(1) from None


def load_flow_settings() -> Settings:
    """Read a flow's settings; refuse two of its topics that have the same name.

    A flow whose output is its own input would feed itself without end. The other programs may be
    pointed at any topic: `dlq` at the security flow's dead letters and their input, for one.

    Raises:
        SystemExit: with one line that names the settings.
    """
    settings = load_settings()
    uses: dict[str, str] = {}
    for use, topic in _topics_of_the_flows(settings).items():
        if topic in uses:
            raise SystemExit(
                f"wrong setting: {uses[topic]} and {use} both name topic {topic}: "
                "give each a topic of its own"
            )
        uses[topic] = use
    return settings


def _topics_of_the_flows(settings: Settings) -> dict[str, str]:
    """Return the topic behind each setting, and those whose names are derived from one."""
    group, letters, alerts = (
        settings.kafka_group_id,
        settings.dead_letter_topic,
        settings.alerts_topic,
    )
    return {
        "INPUT_TOPIC": settings.input_topic,
        "OUTPUT_TOPIC": settings.output_topic,
        "INSIGHTS_TOPIC": settings.insights_topic,
        "DEAD_LETTER_TOPIC": letters,
        "ALERTS_TOPIC": alerts,
        "{KAFKA_GROUP_ID}-progress": settings.progress_topic,
        "{KAFKA_GROUP_ID}-security-progress": f"{group}-security-progress",
        "{ALERTS_TOPIC}-dlq": f"{alerts}-dlq",
        "{DEAD_LETTER_TOPIC}-replayed": f"{letters}-replayed",
    }


def _fault_line(fault: "ErrorDetails") -> str:
    """One line that names the setting, its value and what is allowed."""
    allowed = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return f"wrong setting: {allowed}"
    rule = allowed.partition("should ")[2] or f"be {allowed}"
    name = str(fault["loc"][0])
    field = Settings.model_fields[name]
    value = "(hidden)" if "SecretStr" in str(field.annotation) else repr(fault["input"])
    return f"wrong setting: {name.upper()}={value}: should {rule}"


def main() -> None:
    """Print every setting in force as NAME=value, secrets hidden."""
    for name, value in load_settings():
        shown = str(value).lower() if isinstance(value, bool) else value
        print(f"{name.upper()}={'' if shown is None else shown}")


if __name__ == "__main__":
    main()
