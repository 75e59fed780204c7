"""Settings: defaults, refusals, and secrets that stay hidden."""

from collections.abc import Callable

import pytest

from dataflows import login, security
from settings import Settings, load_settings, main


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """Load the settings, see that it exits with 1, and return the one line it printed."""
    with pytest.raises(SystemExit) as stopped:
        load_settings()
    assert stopped.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Take the developer's own settings away."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(str(tmp_path))


def test_defaults_are_the_contracts() -> None:
    """Without any setting the contract's defaults are in force."""
    settings = load_settings()
    assert settings.kafka_bootstrap_servers == "localhost:29092"
    assert (settings.input_topic, settings.output_topic) == ("user-login", "processed-user-login")
    assert settings.insights_topic == "login-insights"
    assert settings.dead_letter_topic == "user-login-dlq"
    assert settings.progress_topic == "login-processor-group-progress"
    assert (settings.batch_size, settings.batch_interval_ms) == (2000, 50)
    assert (settings.delivery_guarantee, settings.on_missing_state) == ("exactly_once", "replay")
    assert (settings.report_every, settings.broker_wait_seconds) == (100, 30)
    assert settings.create_topics
    assert not settings.stop_at_end
    assert settings.metrics_port is None


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that compose passes on empty leaves the default in force."""
    monkeypatch.setenv("BATCH_SIZE", "")
    assert load_settings().batch_size == 2000


def test_a_dotenv_file_is_read(tmp_path: object) -> None:
    """Settings may be in .env; the environment wins over it."""
    with open(f"{tmp_path}/.env", "w") as file:  # noqa: PTH123
        file.write("BATCH_SIZE=77\n")
    assert load_settings().batch_size == 77


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_SIZE", "0"),
        ("BATCH_INTERVAL_MS", "-1"),
        ("REPORT_EVERY", "0"),
        ("STOP_AT_END", "perhaps"),
        ("OUTPUT_TOPIC", "no spaces"),
        ("OUTPUT_TOPIC", ".."),
        ("KAFKA_GROUP_ID", "a/b"),
        ("LOG_FORMAT", "xml"),
        ("DASHBOARD_PORT", "65536"),
        ("METRICS_PORT", "many"),
        ("METRICS_PORT", "0"),
        ("METRICS_PORT", "65536"),
        ("METRICS_PORT", "9464.5"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
    ],
)
def test_a_wrong_value_is_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the setting and its value."""
    monkeypatch.setenv(name, value)
    assert refusal(capsys).startswith(f"wrong setting: {name}={value!r}: should ")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs KAFKA_SASL_MECHANISM"),
        ({"KAFKA_SASL_USERNAME": "me"}, "set KAFKA_SECURITY_PROTOCOL"),
        ({"KAFKA_SSL_KEY_LOCATION": __file__}, "KAFKA_SSL_CERTIFICATE_LOCATION"),
    ],
)
def test_half_set_security_is_refused(
    settings: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What belongs together is asked for together."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert said in refusal(capsys)


def test_the_password_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the list of settings nor a refusal holds the password."""
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "hunter2")
    assert "hunter2" not in refusal(capsys)
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "me")
    main()
    shown = capsys.readouterr().out
    assert "KAFKA_SASL_USERNAME=me" in shown
    assert "hunter2" not in shown


def test_a_key_that_can_be_guessed_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A short USER_ID_KEY is refused, and isn't printed."""
    monkeypatch.setenv("USER_ID_KEY", "short-secret")
    line = refusal(capsys)
    assert line.startswith("wrong setting: USER_ID_KEY=(hidden): should be at least 32 characters")
    assert "short-secret" not in line


@pytest.mark.parametrize(
    ("name", "topic", "other"),
    [
        ("OUTPUT_TOPIC", "user-login", "INPUT_TOPIC"),
        ("INPUT_TOPIC", "login-insights", "INSIGHTS_TOPIC"),
        ("DEAD_LETTER_TOPIC", "user-login", "INPUT_TOPIC"),
        ("DEAD_LETTER_TOPIC", "processed-user-login", "OUTPUT_TOPIC"),
        ("INSIGHTS_TOPIC", "processed-user-login", "OUTPUT_TOPIC"),
        ("ALERTS_TOPIC", "processed-user-login", "OUTPUT_TOPIC"),
        ("INPUT_TOPIC", "g-progress", "{KAFKA_GROUP_ID}-progress"),
        ("INSIGHTS_TOPIC", "g-security-progress", "{KAFKA_GROUP_ID}-security-progress"),
        ("OUTPUT_TOPIC", "login-alerts-dlq", "{ALERTS_TOPIC}-dlq"),
        ("INPUT_TOPIC", "user-login-dlq-replayed", "{DEAD_LETTER_TOPIC}-replayed"),
    ],
)
@pytest.mark.parametrize("build", [login.flow, security.flow])
def test_a_topic_with_two_uses_stops_both_flows(
    build: Callable[[], object], name: str, topic: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names both settings: a flow whose output is its input would feed itself."""
    monkeypatch.setenv("KAFKA_GROUP_ID", "g")
    monkeypatch.setenv(name, topic)
    with pytest.raises(SystemExit) as stopped:
        build()
    rest = f" both name topic {topic}: give each a topic of its own"
    assert str(stopped.value) in {
        f"wrong setting: {name} and {other}{rest}",
        f"wrong setting: {other} and {name}{rest}",
    }


def test_other_programs_may_be_pointed_at_any_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    """`dlq` replays the security flow's dead letters, whose input is the login flow's output."""
    monkeypatch.setenv("INPUT_TOPIC", "processed-user-login")
    monkeypatch.setenv("DEAD_LETTER_TOPIC", "login-alerts-dlq")
    assert load_settings().input_topic == "processed-user-login"
