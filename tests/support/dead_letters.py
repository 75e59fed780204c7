"""Dead letters of known content, and the commands that show them and send them back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from connectors.dead_letters import dead_letter_headers
from records import DeadLetter
from tests.support.flow import PROJECT, Flow
from tests.support.processes import start_process

__all__ = ["PARTITIONS", "REPAIRS", "closing", "dead", "ended", "replayed", "run", "start"]

PARTITIONS = 3
REPAIRS = """
import json, os, time

def fix(value, reason):
    if reason != "missing_user_id":
        return None
    return json.dumps({**json.loads(value), "user_id": "fixed"}).encode()

def fail(value, reason):
    raise ValueError(f"can't read {value!r}")

def slow(value, reason):
    time.sleep(0.02)
    return value

def die(value, reason, calls=[]):
    calls.append(value)
    if len(calls) == 100:
        os.kill(os.getpid(), 9)
    return value
"""


def start(flow: Flow, *options: str, **settings: str) -> subprocess.Popen[str]:
    """Start a dlq command."""
    return start_process(
        [sys.executable, "-m", "dlq", *options],
        cwd=flow.folder,
        env=flow.environment(PYTHONPATH=f"{PROJECT}{os.pathsep}{flow.folder}", **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(flow: Flow, *options: str, **settings: str) -> tuple[str, str]:
    """Run a dlq command to its end, and return what it printed on both ways."""
    return ended(flow, 0, *options, **settings)


def ended(flow: Flow, status: int, *options: str, **settings: str) -> tuple[str, str]:
    """Do as run for a command that ends with another status."""
    with start(flow, *options, **settings) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == status, out + err
    assert "Traceback" not in err
    return out, err


def closing(flow: Flow, *options: str, **settings: str) -> str:
    """Run a replay and return its last line, without its name."""
    return run(flow, "replay", *options, **settings)[0].splitlines()[-1].removeprefix("dlq: ")


def dead(flow: Flow, numbers: range, **changes: Any) -> Iterator[dict[str, Any]]:
    """Return dead letters as records for their topic; their value is their number."""
    for number in numbers:
        letter = DeadLetter(
            offset=number,
            timestamp=1_720_000_000_000 + number * 1_000,
            key=b"key-%d" % number,
            value=b"%d" % number,
            headers=[("trace", b"\xff%d" % number), ("trace", b"")],
            reason=changes.get("reason", "not_an_object"),
            detail="the value is JSON, but not an object",
        )
        partition = number % PARTITIONS
        headers = dead_letter_headers(letter, changes.get("topic", flow.input), partition)
        headers += changes.get("headers", [])
        yield {
            "key": letter.key,
            "value": letter.value,
            "headers": headers,
            "partition": partition,
        }


def replayed(flow: Flow) -> list[int]:
    """Return the numbers in the input topic, in order."""
    return sorted(int(record.value) for record in flow.topics.read(flow.input))
