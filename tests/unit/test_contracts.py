"""The contracts as files: current, valid, of one mind with the code, and never broken unseen."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from contracts import __main__ as command
from contracts.__main__ import FOLDER, SETTINGS_PAGE, contract_files, released_breaks
from contracts.asyncapi import make_document
from contracts.compatibility import ANNOTATIONS, document_breaks, schema_breaks
from contracts.records import RECORDS, Record
from contracts.settings_page import settings_page
from operators.batches import Login, Reason, Reject
from operators.decode import FIELDS, decode
from operators.enrich import enrich
from tests.support.flow import PROJECT
from tests.support.logins import EPOCH, login

# From @asyncapi/specs 6.11.1 (Apache-2.0): 3.0.0-without-$id.json, without its white space.
ASYNCAPI = PROJECT / "tests" / "support" / "asyncapi-3.0.0.json"
NOW_MS = EPOCH * 1_000
BY_NAME = {record.name: record for record in RECORDS}
each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)

# Words that mean the same in both; what else JSON Schema has may be unknown to one of them.
SHARED_WORDS = ANNOTATIONS | {
    *("type", "properties", "required", "additionalProperties", "propertyNames", "items"),
    *("uniqueItems", "anyOf", "enum", "const", "minLength", "maxLength", "pattern", "minimum"),
    *("maximum", "multipleOf", "format", "contentEncoding"),
}


def test_the_files_are_current() -> None:
    """What is checked in is what `make contracts` would write, and nothing else lies there."""
    files = {path.name: path.read_bytes() for path in FOLDER.glob("*.json")}
    assert files == contract_files()


def test_the_page_of_settings_is_current() -> None:
    """It is what `make contracts` would write: each setting, with its default and description."""
    assert SETTINGS_PAGE.read_text() == settings_page()


def test_the_released_contracts_hold() -> None:
    """The code breaks nothing that was released."""
    assert {path.name for path in (FOLDER / "released").iterdir()} == set(contract_files())
    assert released_breaks(FOLDER / "released") == []


@each_record
def test_a_schema_is_one_for_readers_of_both_dialects(record: Record) -> None:
    """A schema is valid as 2020-12, and as what AsyncAPI documents are written in."""
    schema = record.schema()
    Draft202012Validator.check_schema(schema)
    Draft7Validator.check_schema(schema)
    assert set(_words(schema)) <= SHARED_WORDS


@each_record
def test_every_field_is_described(record: Record) -> None:
    """Each field says what it means."""
    assert all(field["description"] for field in record.schema()["properties"].values())


def test_the_document_is_asyncapi_3() -> None:
    """With the records' schemas in it the document satisfies AsyncAPI's own schema."""
    whole = _with_files(make_document())
    Draft7Validator(msgspec.json.decode(ASYNCAPI.read_bytes())).validate(whole)
    assert json.dumps(whole).count('"$ref"') == 2 * len(RECORDS), "else it refers elsewhere"


def test_the_documents_references_lead_somewhere() -> None:
    """Each operation's channel and each channel's message is there, and of the same record."""
    document = make_document()
    for operation in document["operations"].values():
        channel = _named(operation["channel"]["$ref"], document)
        [message] = channel["messages"].values()
        assert _named(message["$ref"], document)["name"] in channel["description"]


def test_the_document_tells_of_every_topic() -> None:
    """All topics that the program reads or writes are there, under their default names."""
    addresses = {channel["address"] for channel in make_document()["channels"].values()}
    assert addresses == {
        "user-login",
        "processed-user-login",
        "user-login-dlq",
        "login-insights",
        "login-alerts",
        "login-alerts-dlq",
        "{group}-progress",
        "user-login-dlq-replayed",
    }


ABSENT = object()
VALUES: tuple[Any, ...] = (
    *(ABSENT, None, "", "x", True, 1.5, [], {}),
    *("é" * 600, "x" * 1_024, "x" * 1_025, "1.2.3", "iOS"),
    *("198.51.7.9", "01.2.3.4", "1.2.3", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", " ::1"),
    *("198.51.7.9:80", "[::1]:443", "198.51.7.9, 10.0.0.1"),
    *(0, -1, EPOCH, EPOCH + 90_000, EPOCH * 1_000, EPOCH * 1_000_000, 10**12, 10**18, 10**30),
    *("0", "-1", "1720000000", "17e8", "٣", "9" * 12, "9" * 11, "1720000000.5", "1720000000."),
    *("2024-07-03T09:46:40Z", "2024-07-03 09:46:40.5+02:00", "2024-07-03T09:46:40", "2024-07-03"),
    *("2024-07-03T24:00:00Z", "1969-07-03T09:46:40Z", " 2024-07-03T09:46:40Z"),
)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:20])
def test_what_satisfies_the_input_schema_is_processed(field: str, value: Any) -> None:
    """A login is processed if it satisfies the schema, and a dead letter if not.

    Two exceptions are told of in the schema: a length is one of bytes, and a time may lie in the
    future. (A third isn't tried: text of more digits than any time has, if those are zeros.)
    """
    raw = {**login(1), field: value}
    if value is ABSENT:
        del raw[field]
    verdict = _process(raw)
    satisfied = _validator(BY_NAME["user-login"]).is_valid(raw)
    if isinstance(verdict, Reject) and verdict.reason is Reason.TIMESTAMP_IN_FUTURE:
        return
    if isinstance(verdict, Reject) and verdict.reason is Reason.TOO_LARGE and not value.isascii():
        return
    assert satisfied == (not isinstance(verdict, Reject)), verdict


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_what_is_no_object_satisfies_no_schema(value: object) -> None:
    """The input schema takes objects only, as the flow does."""
    assert not _validator(BY_NAME["user-login"]).is_valid(value)


LOGIN = BY_NAME["processed-user-login"]


@pytest.mark.parametrize(
    ("path", "change", "says"),
    [
        ("properties/locale", None, "locale was removed"),
        ("properties/timestamp/type", "number", "type was integer, is number"),
        ("properties/timestamp/maximum", 5, "maximum"),
        ("properties/device_type/enum", ["iOS", "unknown"], "enum"),
        ("properties/device_type/enum", ["android", "iOS", "unknown", "tv"], "enum"),
        ("properties/quality/items/type", "integer", "quality, each value: type"),
        ("properties/user_id/minLength", None, "minLength"),
        ("required", ["user_id"], "locale may be absent now"),
    ],
)
def test_a_change_of_what_is_written_is_a_break(path: str, change: Any, says: str) -> None:
    """Removed fields, other types, and narrower or wider ranges break the readers' contract."""
    released = LOGIN.schema()
    found = schema_breaks(released, _changed(released, path, change), written=True)
    assert says in "\n".join(found)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("properties/country", {"type": "string"}),
        ("properties/locale/description", "another text"),
        ("properties/quality/items/examples", ["another_flag"]),
        ("required", [*LOGIN.schema()["required"], "country"]),
    ],
)
def test_an_addition_to_what_is_written_is_none(path: str, change: Any) -> None:
    """New fields, also such as are always there, and better words break nothing."""
    released = LOGIN.schema()
    assert schema_breaks(released, _changed(released, path, change), written=True) == []


@pytest.mark.parametrize(
    ("path", "change", "says"),
    [
        ("required", ["user_id", "timestamp", "locale"], "locale is required now"),
        ("properties/user_id/maxLength", 100, "maxLength was 1024, is 100"),
        ("properties/user_id/pattern", "^[a-z]+$", "pattern was None"),
        ("properties/timestamp/anyOf", [{"type": "integer"}], "anyOf"),
        ("properties/ip", None, "ip was removed"),
        ("additionalProperties", False, "additionalProperties was None"),
    ],
)
def test_what_takes_less_than_before_is_a_break(path: str, change: Any, says: str) -> None:
    """What producers could send yesterday they can send today."""
    released = BY_NAME["user-login"].schema()
    found = schema_breaks(released, _changed(released, path, change), written=False)
    assert says in "\n".join(found)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("required", ["user_id"]),
        ("properties/user_id/maxLength", 2_048),
        ("properties/user_id/minLength", None),
        ("properties/timestamp/anyOf", [{"type": t} for t in ("string", "integer", "number")]),
        ("properties/timestamp/minimum", -5),
        ("properties/country", {"type": "string"}),
    ],
)
def test_what_takes_more_than_before_is_none(path: str, change: Any) -> None:
    """The input's ranges may grow, and its fields may become optional."""
    released = BY_NAME["user-login"].schema()
    changed = _changed(released, path, change)
    assert schema_breaks(released, changed, written=False) == []


def test_a_topic_that_is_gone_or_renamed_is_a_break() -> None:
    """Topics stay, under their names; new ones may come."""
    document = make_document()
    gone = _changed(document, "channels/user-login", None)
    renamed = _changed(document, "channels/user-login/address", "logins")
    assert document_breaks(document, gone) == ["user-login: the topic was removed"]
    assert document_breaks(document, renamed) == ["user-login: the topic is called logins now"]
    assert document_breaks(gone, document) == []


def test_a_break_is_not_released_before_the_version_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release that breaks the last one is refused, until VERSION has a new first number."""
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    assert command.main(["--release"]) == 0
    kept = tmp_path / "released" / "processed-user-login.schema.json"
    promised = _changed(msgspec.json.decode(kept.read_bytes()), "properties/country", {})
    kept.write_bytes(msgspec.json.encode(promised))
    assert command.main(["--release"]) == 1
    assert "country was removed" in capsys.readouterr().err
    assert msgspec.json.decode(kept.read_bytes()) == promised
    monkeypatch.setattr(command, "VERSION", "99.0.0")
    assert command.main(["--release"]) == 0
    assert msgspec.json.decode(kept.read_bytes()) == LOGIN.schema()


def _process(raw: dict[str, Any]) -> object:
    """Do what the flow does with a login."""
    decoded = decode(msgspec.json.encode(raw), NOW_MS)
    return enrich(decoded, "") if isinstance(decoded, Login) else decoded


def _validator(record: Record) -> Draft202012Validator:
    return Draft202012Validator(record.schema(), format_checker=FormatChecker(["ipv4", "ipv6"]))


def _changed(content: dict[str, Any], path: str, change: Any) -> dict[str, Any]:
    """Return a copy in which what a path leads to is something else; None takes it away."""
    changed = copy.deepcopy(content)
    *way, last = path.split("/")
    place = changed
    for step in way:
        place = place[step]
    if change is None:
        del place[last]
    else:
        place[last] = change
    return changed


def _words(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the words of a schema and of those within it."""
    yield from schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inner += [schema[word] for word in ("items", "additionalProperties") if word in schema]
    for one in inner:
        yield from _words(one)


def _with_files(content: Any) -> Any:
    """Return a part of the document with the schemas from files in it, as a reader loads it."""
    if isinstance(content, list):
        return [_with_files(one) for one in content]
    if not isinstance(content, dict):
        return content
    if (file := content.get("$ref", "#")) and not file.startswith("#"):
        return msgspec.json.decode((FOLDER / file).read_bytes())
    return {name: _with_files(one) for name, one in content.items()}


def _named(reference: str, document: dict[str, Any]) -> Any:
    """Return the part of the document that a reference names."""
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found
