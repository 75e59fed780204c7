"""Links that can't be: one line that says why, within seconds."""

from pathlib import Path
from threading import Event
from typing import NamedTuple

import pytest

from connectors.topics import prepare_topics
from producer.connection import BrokerError, connect
from settings import Settings
from tests.security.certificates import Authority
from tests.security.secured import PASSWORD, USER, SecuredKafka, run_program, set_password
from tests.support.flow import Flow
from tests.support.logins import records
from tests.support.waiting import wait_until

WRONG = "another"
LOGINS = 40
LONG = "600"  # seconds that a broker that is away is waited for: far longer than a test may take


class Refused(NamedTuple):
    """A link that can't be, and what has to be said about it."""

    listener: str
    changes: dict[str, str]
    said: str


LOGIN = "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
REFUSED = {
    "wrong password, PLAIN": Refused(
        "LOGIN_TLS",
        {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_PASSWORD": WRONG},
        "Invalid username or password",
    ),
    "wrong password, SCRAM": Refused("LOGIN", {"KAFKA_SASL_PASSWORD": WRONG}, LOGIN),
    "unknown user": Refused("LOGIN_TLS", {"KAFKA_SASL_USERNAME": "nobody"}, LOGIN),
    "wrong authority": Refused(
        "TLS", {"KAFKA_SSL_CA_LOCATION": "(other)"}, "unable to get local issuer certificate"
    ),
    "expired certificate": Refused("EXPIRED", {}, "certificate has expired"),
    "another host": Refused("ELSEWHERE", {}, "certificate is not valid for '127.0.0.1'"),
    "no client certificate": Refused("MUTUAL_TLS", {}, "KAFKA_SSL_CERTIFICATE_LOCATION"),
    "client certificate of another authority": Refused(
        "MUTUAL_TLS", {"KAFKA_SSL_CERTIFICATE_LOCATION": "(other)"}, "KAFKA_SSL_KEY_LOCATION"
    ),
}


COMMANDS = [
    ["bytewax.run", "dataflows.login"],
    ["producer"],
    ["dlq", "show"],
    ["insights"],
    ["dashboard"],
]


@pytest.fixture(params=REFUSED)
def refused(request: pytest.FixtureRequest, secured: SecuredKafka, tmp_path: Path) -> Refused:
    """One of the links, with all of its settings as its changes."""
    name: str = request.param
    link = REFUSED[name]
    changes = dict(link.changes)
    other = Authority(tmp_path / "other")
    if "KAFKA_SSL_CA_LOCATION" in changes:
        changes["KAFKA_SSL_CA_LOCATION"] = str(other.file)
    if "KAFKA_SSL_CERTIFICATE_LOCATION" in changes:
        changes |= secured.certificate(other)
    return link._replace(changes=secured.link(link.listener, BROKER_WAIT_SECONDS=LONG, **changes))


def _settings(link: dict[str, str]) -> Settings:
    return Settings.model_validate({name.lower(): value for name, value in link.items()})


def test_the_flow_says_why_it_is_refused(refused: Refused) -> None:
    """The start ends without waiting, and tells a refusal from a broker that is away."""
    with pytest.raises(SystemExit) as error:
        prepare_topics(_settings(refused.changes), Event())
    _check_line(str(error.value), refused)


def test_the_producer_says_why_it_is_refused(refused: Refused) -> None:
    """The producer ends without waiting, with the same line as the flow."""
    with pytest.raises(BrokerError) as error:
        connect(_settings(refused.changes), 1, 1)
    _check_line(str(error.value), refused)


def _check_line(line: str, refused: Refused) -> None:
    assert refused.said in line
    assert "KAFKA_S" in line, "no setting is named"
    assert "\n" not in line
    assert "no Kafka broker answers" not in line
    assert refused.changes["KAFKA_BOOTSTRAP_SERVERS"] in line


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_refused_program_prints_one_line_and_exits_1(
    secured: SecuredKafka, secured_flow: Flow, command: list[str]
) -> None:
    """Nothing but the line is printed: no trace, no waiting, none of the clients' own lines."""
    link = secured.link("LOGIN_TLS", KAFKA_SASL_PASSWORD=WRONG, BROKER_WAIT_SECONDS=LONG)
    done = run_program(secured_flow, command, link)
    assert done.returncode == 1
    [line] = (done.stdout + done.stderr).splitlines()
    assert "refuses the login" in line


def test_a_listener_that_speaks_another_protocol_is_named_as_the_reason(
    secured: SecuredKafka,
) -> None:
    """TLS to a plain listener looks like a broker that is away; the line says what happened."""
    link = secured.link("TLS", KAFKA_BOOTSTRAP_SERVERS=secured.broker.bootstrap_servers)
    with pytest.raises(SystemExit, match="SSL connection closed by peer"):
        prepare_topics(_settings(link | {"BROKER_WAIT_SECONDS": "2"}), Event())


def test_a_file_that_is_not_there_is_a_wrong_setting(
    secured: SecuredKafka, secured_flow: Flow
) -> None:
    """A certificate's path that is wrong is named with its setting."""
    link = secured.link("TLS", KAFKA_SSL_CA_LOCATION="/nowhere.pem")
    with secured_flow.running(**link) as process:
        assert process.wait() == 1
    said = "KAFKA_SSL_CA_LOCATION='/nowhere.pem': should be a file that can be read"
    assert said in process.output()


@pytest.mark.parametrize("outputs", [0, LOGINS], ids=["while it starts", "while it runs"])
def test_a_password_that_changes_stops_the_flow(
    secured: SecuredKafka, secured_flow: Flow, outputs: int
) -> None:
    """A login that is no longer taken ends the flow with one line, and loses nothing."""
    flow = secured_flow
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(LOGINS)))
    with flow.running(**secured.link("SHORT_LOGIN")) as process:
        process.wait_for_text("topic created")
        wait_until(lambda: len(flow.outputs()) >= outputs, "outputs")
        set_password(secured.broker.bootstrap_servers, USER, WRONG)
        try:
            assert process.wait() == 1, process.output()
        finally:
            set_password(secured.broker.bootstrap_servers, USER, PASSWORD)
    line = process.output().splitlines()[-1]
    assert "refuses the login" in line
    assert LOGIN in line
    assert "nothing is lost" in line
    assert "Traceback" not in process.output()
