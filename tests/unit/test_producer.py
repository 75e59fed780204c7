import json
import re
from collections import Counter
from ipaddress import ip_address
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from operators.batches import Login as Decoded
from operators.decode import decode
from producer.connection import client_options
from producer.generator import COUNTRIES, STATES, Login, logins
from producer.hostile import RECORD, HostileMessage, hostile_messages
from producer.messages import Message, file_messages, generated_messages, simulated_clock
from producer.options import parse
from settings import Settings

NOW = 1_720_622_216
CATALOGUE = hostile_messages(NOW)

FIELDS = {"user_id", "app_version", "device_type", "ip", "locale", "device_id", "timestamp"}
REASONS = {
    "tombstone",
    "not_json",
    "not_an_object",
    "wrong_type",
    "too_large",
    "missing_user_id",
    "missing_timestamp",
    "invalid_timestamp",
    "timestamp_in_future",
}
FLAGS = {
    "missing_device_type",
    "missing_app_version",
    "missing_locale",
    "missing_device_id",
    "missing_ip",
    "invalid_app_version",
    "invalid_ip",
    "timestamp_ahead",
    "unrecognised_device_type",
}
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\d{3}-\d\d-\d{4}")


def seeded(seed: int) -> Random:
    """A random state of its own."""
    return Random(seed)  # noqa: S311 - test data


def sample(count: int, seed: int = 1) -> list[Login]:
    """The first logins of a seed."""
    return list(islice(logins(seeded(seed), lambda: NOW), count))


def take(count: int, seed: int, now: int, bad_ratio: float = 0.0) -> list[Message]:
    """The first messages of a seed, all at one time."""
    return list(islice(generated_messages(seeded(seed), lambda: now, bad_ratio), count))


class TestLogins:
    """What the generator makes."""

    def test_have_the_fields_of_the_contract_and_no_null(self) -> None:
        """Every field is there and holds a text, save the timestamp and an absent device type."""
        for login in sample(1_000):
            assert login.keys() | {"device_type"} == FIELDS
            assert all(isinstance(login[name], str) for name in login.keys() - {"timestamp"})

    def test_lack_the_device_type_in_5_percent(self) -> None:
        """Of 10,000 logins 5 % have no device type, within four standard deviations."""
        absent = sum("device_type" not in login for login in sample(10_000))
        assert absent == pytest.approx(500, abs=88)

    def test_have_timestamps_as_integers_and_as_text(self) -> None:
        """A timestamp is the clock's time, mostly an integer, sometimes the same as text."""
        kinds = Counter(type(login["timestamp"]) for login in sample(1_000))
        assert {int(login["timestamp"]) for login in sample(1_000)} == {NOW}
        assert kinds[int] > kinds[str] > 0

    def test_have_ids_of_both_kinds(self) -> None:
        """User and device ids are a UUID or look like 593-47-5928, and both kinds come up."""
        ids = [str(login[name]) for login in sample(1_000) for name in ("user_id", "device_id")]
        assert all(ID.fullmatch(text) for text in ids)
        assert {len(text) for text in ids} == {36, 11}

    def test_have_a_locale_that_is_a_state_or_a_country(self) -> None:
        """A locale is the code of a US state, or of a country that is no state's code too."""
        locales = {str(login["locale"]) for login in sample(5_000)}
        assert locales <= set(STATES) | set(COUNTRIES)
        assert locales & set(STATES)
        assert locales & set(COUNTRIES)
        assert not set(STATES) & set(COUNTRIES)

    def test_have_addresses_of_both_versions(self) -> None:
        """Every address is valid; most are IPv4, some are IPv6."""
        versions = Counter(ip_address(login["ip"]).version for login in sample(1_000))
        assert versions[4] > versions[6] > 0

    def test_have_versions_of_every_category(self) -> None:
        """Most logins come from a current app, some from a stable one, a few from a legacy one."""
        categories = Counter(category(str(login["app_version"])) for login in sample(5_000))
        assert categories["current"] > categories["stable"] > categories["legacy"] > 0

    def test_come_from_users_who_come_back(self) -> None:
        """There are fewer users than logins, and the busiest tenth makes a third of them."""
        users = Counter(login["user_id"] for login in sample(10_000))
        busiest = sum(number for _, number in users.most_common(len(users) // 10))
        assert 1_000 < len(users) < 6_000
        assert busiest > 10_000 / 3

    def test_come_mostly_from_a_users_own_device(self) -> None:
        """The user who logs in most does so from two devices, one of them far more often."""
        everything = sample(10_000)
        ((user, _),) = Counter(login["user_id"] for login in everything).most_common(1)
        devices = Counter(x["device_id"] for x in everything if x["user_id"] == user)
        (home, other) = devices.most_common()
        assert home[1] > 3 * other[1]


def category(version: str) -> str:
    """The contract's category of a version."""
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (2, 0):
        return "legacy"
    return "stable" if (major, minor) < (2, 3) else "current"


class TestGeneratedMessages:
    """Logins and hostile messages, mixed."""

    def test_are_the_same_for_the_same_seed(self) -> None:
        """The same seed and clock give the same bytes, hostile ones as well."""
        assert take(300, 7, NOW, 0.3) == take(300, 7, NOW, 0.3)

    def test_differ_in_nothing_but_the_time_when_sent_later(self) -> None:
        """The same seed at another time gives the same keys and values, but for timestamps."""
        early, late = take(300, 7, NOW), take(300, 7, NOW + 1)
        assert [message.key for message in early] == [message.key for message in late]
        assert [without_time(message) for message in early] == [without_time(m) for m in late]

    def test_differ_for_another_seed(self) -> None:
        """Another seed gives other messages."""
        assert take(10, 7, NOW) != take(10, 8, NOW)

    def test_are_hostile_as_often_as_asked(self) -> None:
        """A bad ratio of 0.3 makes 30 % of 1,000 hostile, within four standard deviations."""
        names = {message.key for message in CATALOGUE}
        hostile = sum(message.key in names for message in take(1_000, 1, NOW, 0.3))
        assert hostile == pytest.approx(300, abs=58)

    def test_bring_every_hostile_kind_once_before_any_comes_again(self) -> None:
        """A round of hostile messages is the catalogue, save kinds with a time of their own."""
        kinds = [kind for kind in CATALOGUE if kind.record_timestamp_ms is None]
        sent = Counter((m.key, m.value, m.headers) for m in take(len(kinds), 1, NOW, 1.0))
        assert sent == Counter((kind.key, kind.value, kind.headers) for kind in kinds)

    def test_follow_a_simulated_clock(self) -> None:
        """With a start and a rate, event time moves by one over the rate a login."""
        messages = generated_messages(seeded(1), simulated_clock(NOW, rate=2))
        times = [
            int(json.loads(message.value or b"")["timestamp"]) for message in islice(messages, 6)
        ]
        assert times == [NOW, NOW, NOW + 1, NOW + 1, NOW + 2, NOW + 2]


def without_time(message: Message) -> dict[str, object]:
    """A login with its timestamp's type in place of the timestamp."""
    login: dict[str, object] = json.loads(message.value or b"")
    return login | {"timestamp": type(login["timestamp"])}


class TestFileMessages:
    """Lines of a file as messages."""

    def test_keep_every_byte_of_a_line(self, tmp_path: Path) -> None:
        """A line's bytes are the value, whatever they are; a last line needs no newline."""
        path = tmp_path / "lines"
        path.write_bytes(b'{"a": 1}\n\xff\xfe\0 \r\n\n\r\n  \nlast')
        values = [message.value for message in file_messages(path, seeded(1))]
        assert values == [b'{"a": 1}', b"\xff\xfe\0 \r", b"  ", b"last"]

    def test_have_random_keys(self, tmp_path: Path) -> None:
        """Equal lines get keys of their own."""
        path = tmp_path / "lines"
        path.write_bytes(b"{}\n" * 50)
        assert len({message.key for message in file_messages(path, seeded(1))}) == 50


class TestCatalogue:
    """The hostile messages and what is expected of them."""

    def test_covers_every_reason(self) -> None:
        """Each reason of the contract is expected of some message, and no other is."""
        assert {message.expected for message in CATALOGUE} == REASONS | {RECORD}

    def test_covers_every_flag(self) -> None:
        """Each quality flag of the contract is expected of some record, and no other is."""
        assert {flag for message in CATALOGUE for flag in message.quality} == FLAGS

    def test_expects_flags_of_records_only_and_sorted(self) -> None:
        """A dead letter has no flags; a record's are sorted, each once."""
        for message in CATALOGUE:
            assert list(message.quality) == sorted(set(message.quality))
            assert message.expected == RECORD or not message.quality

    def test_has_unique_names(self) -> None:
        """No two kinds share a name, so that a name tells which one went wrong."""
        assert len({message.name for message in CATALOGUE}) == len(CATALOGUE)

    def test_is_the_same_for_the_same_time(self) -> None:
        """The same time gives the same bytes."""
        assert hostile_messages(NOW) == CATALOGUE

    @pytest.mark.parametrize("message", CATALOGUE, ids=lambda message: message.name)
    def test_agrees_with_the_standard_library(self, message: HostileMessage) -> None:
        """What Python's own strict reading of the bytes says agrees with the expected fate."""
        fate = strict_reading(message.value)
        if fate in {"tombstone", "not_an_object"}:
            assert message.expected == fate
        elif fate == "not_json":
            assert message.expected == "not_json"
        else:
            assert message.expected not in {"tombstone", "not_an_object"}

    def test_moves_no_event_time_past_the_clock(self) -> None:
        """No record of the catalogue is later than its clock: others would become late."""
        records = [message for message in CATALOGUE if message.expected == RECORD]
        read = [decode(message.value, NOW * 1_000) for message in records]
        assert max(login.timestamp for login in read if isinstance(login, Decoded)) == NOW


def strict_reading(value: bytes | None) -> str:
    """Read JSON as the standard library does, with the contract's stricter rules on top."""
    if value is None:
        return "tombstone"
    try:
        text = re.sub(rb"\A(\0.{4}(?=.))?(\xef\xbb\xbf)?", b"", value, flags=re.DOTALL).decode()
        parsed = json.loads(text, parse_constant=refuse, parse_float=finite, parse_int=str)
    except (ValueError, RecursionError):
        return "not_json"
    return "object" if isinstance(parsed, dict) else "not_an_object"


def refuse(text: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(text)


def finite(text: str) -> float:
    """A number that becomes infinite is no JSON."""
    if float(text) in {float("inf"), float("-inf")}:
        raise ValueError(text)
    return float(text)


class TestOptions:
    """The command line."""

    @pytest.mark.parametrize(
        "arguments",
        [
            "--rate -1",
            "--rate fast",
            "--rate nan",
            "--rate inf",
            "--count 0",
            "--count 1.5",
            "--bad-ratio 1.1",
            "--start-at -1",
            "--start-at 253402300800",
            "--partitions 0",
            "--replication-factor 0",
            "--seed x",
            "--file /no/such/file",
            "--file .",
            "--file pyproject.toml --bad-ratio 0.5",
            "--file pyproject.toml --start-at 0",
            "--file pyproject.toml --history 60",
            "--start-at 0 --history 60",
            "--rate 0 --history 60",
            "--history 0",
            "--unknown",
            "--cou 5",
            "word",
        ],
    )
    def test_that_are_wrong_end_with_status_2_and_one_line(
        self, arguments: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A wrong option is named in one line, and nothing is sent."""
        with pytest.raises(SystemExit) as exit_:
            parse(arguments.split())
        assert exit_.value.code == 2
        assert re.fullmatch(r"producer: .+\n", capsys.readouterr().err)

    def test_have_pleasant_defaults(self) -> None:
        """Without options, endless good logins come 50 a second to a topic of 4 partitions."""
        options = parse([])
        assert (options.rate, options.count, options.bad_ratio, options.partitions) == (
            50,
            None,
            0,
            4,
        )


def test_client_options_hold_what_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Security settings reach kafka-python under its own names; unset ones are left out."""
    monkeypatch.chdir(tmp_path)  # away from a .env file
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_SASL_MECHANISM", "SCRAM-SHA-512")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "user")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "secret")
    authority = tmp_path / "ca.pem"
    authority.touch()
    monkeypatch.setenv("KAFKA_SSL_CA_LOCATION", str(authority))
    options = client_options(Settings())
    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert options["sasl_plain_password"] == "secret"  # noqa: S105 - made up
    assert options["ssl_cafile"] == str(authority)
    assert "ssl_keyfile" not in options
