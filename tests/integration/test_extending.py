"""The recipes of docs/extending.md, tried as a user would: in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.flow import PROJECT, Flow, FlowProcess
from tests.support.logins import login, processed, records

PAGE = PROJECT / "docs" / "extending.md"
DIFFS = [PROJECT / "docs" / "extending" / f"{name}.diff" for name in ("field", "operator", "flow")]
# Beside the tests that the recipes change: those that a change of a record or step has to pass.
CHECKS = (
    "tests/unit/test_contracts.py::test_the_files_are_current",
    "tests/unit/test_contracts.py::test_the_released_contracts_hold",
    "tests/unit/test_step_names.py",
    "tests/integration/test_login_flow.py::test_a_login_comes_out_clean_and_with_every_field",
)
NOT_COPIED = (".git", ".venv", ".local", "__pycache__", ".hypothesis", ".pytest_cache")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with all recipes applied and the contracts written anew."""
    copy = tmp_path_factory.mktemp("extended") / "logins"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    run(copy, "git", "init", "--quiet")  # else git may take a repository around it for its own
    for diff in DIFFS:
        run(copy, "git", "apply", str(diff))
    run(copy, sys.executable, "-m", "contracts")
    return copy


def run(folder: Path, *command: str) -> None:
    """Run a command in a folder; it has to succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("diff", DIFFS, ids=lambda diff: diff.stem)
def test_each_recipe_applies_by_itself(diff: Path) -> None:
    """Nobody needs all of them."""
    run(PROJECT, "git", "apply", "--check", str(diff))


def test_the_page_shows_what_the_diffs_do() -> None:
    """All Python on the page is in a diff, and each diff is linked."""
    page = PAGE.read_text()
    added = _stripped("".join(re.findall(r"^\+(.*\n)", _all_diffs(), re.MULTILINE)))
    shown = re.findall(r"^```python\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert len(shown) >= len(DIFFS)
    assert [code for code in shown if _stripped(code) not in added] == []
    assert all(f"(extending/{diff.name})" in page for diff in DIFFS)


def test_the_recipes_pass_the_checks(extended: Path) -> None:
    """Style and types are right with all of them."""
    run(extended, sys.executable, "-m", "ruff", "format", "--check", ".")
    run(extended, sys.executable, "-m", "ruff", "check", ".")
    run(extended, sys.executable, "-m", "mypy", ".")


def test_the_recipes_pass_their_tests(extended: Path) -> None:
    """The tests that they bring or change pass, the contracts hold, and no state is lost."""
    changed = set(re.findall(r"^\+\+\+ b/(tests/unit/.*)", _all_diffs(), re.MULTILINE))
    run(extended, sys.executable, "-m", "pytest", "-q", *sorted(changed), *CHECKS)


def test_the_login_flow_writes_field_and_capitals(extended: Path, flow: Flow) -> None:
    """The new field, and what the new operator does, is seen in output and insights."""
    flow.settings["PYTHONPATH"] = str(extended)
    flow.topics.make(flow.input)
    small = {**login(0), "locale": "ny", "ip": "2001:db8:1::7"}
    flow.topics.send(flow.input, [{"value": msgspec.json.encode(small), "partition": 0}])
    flow.topics.send(flow.input, records(range(1, 5)))
    flow.back_fill(recovery=False)
    written = {output["device_id"]: output for output in flow.outputs()}
    assert {key: one["ip_version"] for key, one in written.items()} == {"0": 6, **_all_4(1, 5)}
    assert written["0"]["locale"] == "NY"
    [window] = _values(flow, flow.insights_topic)
    assert window["locales"] == {"CA": 1, "DE": 1, "FR": 1, "NY": 1, "TX": 1}


def test_the_locales_flow_counts_through_a_restart(extended: Path, flow: Flow) -> None:
    """Each window's logins by locale are on the new topic, as plain counting gives them."""
    flow.settings["PYTHONPATH"] = str(extended)
    flow.topics.make(flow.input)
    for numbers in (range(4_000), range(4_000, 12_000)):
        flow.topics.send(flow.input, records(numbers))
        process = FlowProcess(
            flow, flow.recovery_options(), {"STOP_AT_END": "true"}, "dataflows.locales"
        )
        assert process.wait() == 0, process.output()
        last = {
            _key(one): one["logins"] for one in _values(flow, f"{flow.insights_topic}-by-locale")
        }
        assert last == _counted(numbers.stop)


def _all_diffs() -> str:
    return "".join(map(Path.read_text, DIFFS))


def _stripped(code: str) -> str:
    return "".join(f"{line.strip()}\n" for line in code.splitlines())


def _all_4(first: int, end: int) -> dict[str, int]:
    return {str(number): 4 for number in range(first, end)}


def _values(flow: Flow, topic: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(record.value) for record in flow.topics.read(topic)]


def _key(count: dict[str, Any]) -> tuple[str, str]:
    return count["window_start"], count["locale"]


def _counted(logins: int) -> Counter[tuple[str, str]]:
    return Counter(
        (_minute(one.timestamp), one.locale) for one in map(processed, map(login, range(logins)))
    )


def _minute(timestamp: int) -> str:
    start = datetime.fromtimestamp(timestamp - timestamp % 60, UTC)
    return start.strftime("%Y-%m-%dT%H:%M:%SZ")
