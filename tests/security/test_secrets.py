"""Secrets stay where they are: in no line, list, process title, trace or file."""

import traceback

import psutil
import pytest

from connectors.connection import Connection
from settings import Settings
from tests.security.secured import PASSWORD, USER, SecuredKafka, run_program
from tests.support.flow import Flow
from tests.support.logins import records
from tests.support.waiting import wait_until

KEY = "0123456789abcdef-the-key-of-the-pseudonyms"
WRONG = "a-Wr0ng-Passw0rd-0f-the-tests"
SECRETS = (PASSWORD, KEY, WRONG)


def without_secrets(text: str) -> bool:
    """Tell whether none of the secrets is in a text."""
    return not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_run_leaves_no_secret_behind(
    secured: SecuredKafka, secured_flow: Flow, log_format: str
) -> None:
    """Neither what a run prints, nor its processes' titles, nor its recovery store hold one."""
    flow = secured_flow
    flow.topics.make(flow.input)
    flow.topics.send(flow.input, records(range(100)))
    link = secured.link("LOGIN_TLS", USER_ID_KEY=KEY, LOG_FORMAT=log_format)
    with flow.running(*flow.recovery_options(), **link) as process:
        wait_until(lambda: len(flow.outputs()) == 100, "outputs")
        family = [psutil.Process(process.process.pid)]
        family += family[0].children(recursive=True)
        titles = [argument for member in family for argument in member.cmdline()]
        assert process.stop() == 0, process.output()
    assert without_secrets(process.output())
    assert without_secrets(" ".join(titles))
    stored = [file for file in flow.folder.rglob("*") if file.is_file()]
    assert any(file.suffix == ".sqlite3" for file in stored)
    for file in stored:
        assert without_secrets(file.read_text(errors="replace")), file


@pytest.mark.parametrize("command", [["bytewax.run", "dataflows.login"], ["producer"]])
def test_a_refused_login_is_told_without_the_password(
    secured: SecuredKafka, secured_flow: Flow, command: list[str]
) -> None:
    """The line about a wrong password names the setting, not its value."""
    link = secured.link("LOGIN_TLS", KAFKA_SASL_MECHANISM="PLAIN", KAFKA_SASL_PASSWORD=WRONG)
    done = run_program(secured_flow, command, link)
    assert done.returncode == 1
    assert "KAFKA_SASL_PASSWORD" in done.stderr
    assert without_secrets(done.stdout + done.stderr)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"KAFKA_SECURITY_PROTOCOL": ""}, {"USER_ID_KEY": KEY[:20]}, {"BATCH_SIZE": "many"}],
    ids=["good", "half a login", "short key", "another setting"],
)
def test_the_list_of_settings_hides_them(
    secured: SecuredKafka, secured_flow: Flow, wrong: dict[str, str]
) -> None:
    """`python -m settings` shows no secret, whether all is well or something is wrong."""
    link = secured.link("LOGIN_TLS", USER_ID_KEY=KEY) | wrong
    done = run_program(secured_flow, ["settings"], link)
    assert done.returncode == bool(wrong)
    assert without_secrets(done.stdout + done.stderr)
    assert KEY[:20] not in done.stdout + done.stderr


def test_a_trace_through_the_settings_hides_them(secured: SecuredKafka) -> None:
    """A trace that shows every local variable doesn't give the secrets away."""
    link = secured.link("LOGIN_TLS", USER_ID_KEY=KEY)
    settings = Settings.model_validate({name.lower(): value for name, value in link.items()})
    try:
        _fail(settings, Connection(settings))
    except RuntimeError as error:
        # The first frame is this one, which has the secrets as a test has them.
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack[1:]
    shown = [str(frame.locals) for frame in frames]
    assert USER in "".join(shown)
    assert without_secrets("".join(shown))


def _fail(settings: Settings, connection: Connection) -> None:
    everything = settings.model_dump()
    raise RuntimeError(settings, connection, everything)
