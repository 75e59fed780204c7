"""CI and the papers for contributors name what is there."""

import re
import subprocess
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML

from bootstrap.environment import FIRST_PYTHON, LAST_PYTHON
from tests.support.flow import PROJECT

WORKFLOW = ".github/workflows/ci.yml"
NAMED = re.compile(r"(?:`|^ *|\$PATH\" )make ([a-z-]+)", re.MULTILINE)
PAPERS = [
    path.relative_to(PROJECT).as_posix()
    for path in (*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), PROJECT / WORKFLOW)
    if NAMED.search(path.read_text())
]


def test_the_workflow_is_valid() -> None:
    """The forge takes it."""
    check = ["check_jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW]
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_runs_make_test_on_every_supported_python() -> None:
    """CI runs what the README says, on the Pythons that the setup takes."""
    [job] = _workflow()["jobs"].values()
    [command] = [step["run"] for step in job["steps"] if "run" in step]
    (major, first), (_, last) = FIRST_PYTHON, LAST_PYTHON
    supported = [f"{major}.{minor}" for minor in range(first, last + 1)]
    assert " make test " in command
    assert "exec make test" in (PROJECT / ".ci" / "run").read_text()
    assert job["strategy"]["matrix"]["python"] == supported


@pytest.mark.parametrize("paper", PAPERS)
def test_every_make_target_that_is_named_is_there(paper: str) -> None:
    """Whoever types a make command from the papers finds it."""
    targets = set(re.findall(r"^([a-z-]+):", _makefile(), re.MULTILINE))
    text = (PROJECT / paper).read_text()
    assert set(NAMED.findall(text)) <= targets


def test_the_papers_name_make_targets() -> None:
    """Else nothing was looked at."""
    assert {"README.md", "CONTRIBUTING.md", "docs/operations.md", WORKFLOW} <= set(PAPERS)


def _makefile() -> str:
    return (PROJECT / "Makefile").read_text()


def _workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(PROJECT / WORKFLOW)
    return loaded
