"""Known weaknesses of the pinned packages: a part of `make lint`.

    python -m tests.audit

pip-audit ends alike when it found a weakness and when it could ask nobody, and calls packages good
that its source knows nothing about. So what it reports is judged here: only a weakness fails.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["judge", "main"]

PROJECT = Path(__file__).parents[1]
LOCKS = ("requirements-dev.txt", "requirements-uv.txt")  # the first one holds the others too
ENOUGH_SECONDS = 120.0  # for 120 packages; a source that is slower counts as away
# How pip-audit and the library below it name a source that doesn't answer.
UNREACHABLE = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "network may be blocking")


def main() -> int:
    """Audit, print the verdict, and give the exit status."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"]
    command += ["--progress-spinner", "off", "--format", "json"]
    for lock in LOCKS:
        command += ["-r", str(PROJECT / lock)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=ENOUGH_SECONDS
        )
    except subprocess.TimeoutExpired:
        return _say(0, "skipped: its source doesn't answer")
    return _say(*judge(done.stdout, done.stderr))


def judge(report: str, errors: str) -> tuple[int, str]:
    """Return the exit status and the verdict.

    Args:
        report: pip-audit's JSON; empty when it didn't come so far.
        errors: what it wrote to standard error.
    """
    if not report.strip():
        if any(sign in errors for sign in UNREACHABLE):
            return 0, "skipped: its source can't be reached"
        return 1, f"failed:\n{errors.strip()}"
    packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    if weak := [line for package in packages for line in _weaknesses(package)]:
        return 1, "\n".join(["found known weaknesses:", *weak])
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if len(unknown) == len(packages):
        return 0, "skipped: its source knows none of the packages"
    left_out = f", but its source doesn't know {', '.join(unknown)}" if unknown else ""
    return 0, f"found nothing in {len(packages) - len(unknown)} packages{left_out}"


def _weaknesses(package: dict[str, Any]) -> list[str]:
    return [
        f"  {package['name']} {package['version']}: {one['id']}, "
        f"mended in {', '.join(one['fix_versions']) or 'no version yet'}"
        for one in package.get("vulns", [])
    ]


def _say(status: int, verdict: str) -> int:
    print(f"pip-audit {verdict}")
    return status


if __name__ == "__main__":
    sys.exit(main())
