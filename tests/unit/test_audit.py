"""What `make lint` makes of pip-audit's report."""

import json
from typing import Any

import pytest

from tests.audit import judge

WEAKNESS = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}
GOOD = {"name": "good", "version": "1.0", "vulns": []}
WEAK = {"name": "weak", "version": "1.0", "vulns": [WEAKNESS]}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([GOOD, GOOD], 0, "found nothing in 2 packages"),
        ([GOOD, WEAK], 1, "weak 1.0: PYSEC-1, mended in 1.1"),
        ([UNKNOWN, WEAK], 1, "weak 1.0: PYSEC-1"),
        ([GOOD, UNKNOWN], 0, "found nothing in 1 packages, but its source doesn't know unknown"),
        ([UNKNOWN, UNKNOWN], 0, "skipped: its source knows none"),
    ],
)
def test_only_a_weakness_fails(packages: list[dict[str, Any]], status: int, said: str) -> None:
    """What couldn't be looked up is said, so that nobody takes it for looked up and good."""
    found = judge(json.dumps({"dependencies": packages, "fixes": []}), "")
    assert found[0] == status
    assert said in found[1]


@pytest.mark.parametrize(
    ("errors", "status", "said"),
    [
        ("requests.exceptions.ConnectionError: Max retries exceeded", 0, "can't be reached"),
        ("ERROR: Tip: your network may be blocking this service.", 0, "can't be reached"),
        ("ERROR: requirement has no hash", 1, "requirement has no hash"),
    ],
)
def test_a_source_that_is_away_is_no_failure(errors: str, status: int, said: str) -> None:
    """Without a network the check is left out; any other fault of pip-audit is shown."""
    found = judge("", errors)
    assert found[0] == status
    assert said in found[1]
