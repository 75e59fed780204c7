"""CI and the papers for contributors name what is there."""

import re
import subprocess
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.flow import PROJECT

WORKFLOW = ".github/workflows/ci.yml"
PAPERS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/monitoring.md",
    "docs/operations.md",
    "docs/contracts/README.md",
    WORKFLOW,
)


def test_the_workflow_is_valid() -> None:
    """The forge takes it."""
    check = ["check_jsonschema", "--builtin-schema", "vendor.github-workflows", WORKFLOW]
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_runs_make_test_on_every_supported_python() -> None:
    """CI runs what the README says, on the Pythons that the Makefile takes."""
    [job] = _workflow()["jobs"].values()
    [command] = [step["run"] for step in job["steps"] if "run" in step]
    takes = re.search(r"\((\d), (\d+)\) <= sys.version_info\[:2\] <= \((\d), (\d+)\)", _makefile())
    assert takes
    major, first, _, last = takes.groups()
    supported = [f"{major}.{minor}" for minor in range(int(first), int(last) + 1)]
    assert command.startswith("make test ")
    assert "exec make test" in (PROJECT / ".ci" / "run").read_text()
    assert job["strategy"]["matrix"]["python"] == supported


@pytest.mark.parametrize("paper", PAPERS)
def test_every_make_target_that_is_named_is_there(paper: str) -> None:
    """Whoever types a make command from the papers finds it."""
    targets = set(re.findall(r"^([a-z-]+):", _makefile(), re.MULTILINE))
    text = (PROJECT / paper).read_text()
    named = set(re.findall(r"(?:`|^ *|run: )make ([a-z-]+)", text, re.MULTILINE))
    assert named
    assert named <= targets


@pytest.mark.parametrize("paper", PAPERS[:-1])
def test_every_file_that_is_linked_is_there(paper: str) -> None:
    """Links within the repository lead somewhere."""
    here = PROJECT / paper
    links = re.findall(r"\]\(([^)#:]+)[^):]*\)", here.read_text())
    assert [link for link in links if not (here.parent / link).exists()] == []


def _makefile() -> str:
    return (PROJECT / "Makefile").read_text()


def _workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(PROJECT / WORKFLOW)
    return loaded
