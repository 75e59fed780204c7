"""Log lines: our own and those of others in one form, as LOG_FORMAT says."""

import json
import subprocess
import sys

import pytest

from tests.support.flow import PROJECT

SPEAK = """
import logging, structlog
from logs import configure_logs
from settings import load_settings
configure_logs(load_settings())
structlog.get_logger().warning("of ours", topic="logins")
logging.getLogger("librdkafka").error("%s [%s] %s", "FAIL", "producer-1", "of another")
logging.getLogger("kafka").error("of a client that we speak for")
"""


def spoken(log_format: str) -> list[str]:
    """Return the lines on stderr of a program that logs in both ways."""
    done = subprocess.run(
        [sys.executable, "-c", SPEAK],
        cwd=PROJECT,
        env={"LOG_FORMAT": log_format},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_is_an_object_a_line() -> None:
    """Time, level and event have their own fields, whichever logger was used."""
    ours, others = (json.loads(line) for line in spoken("json"))
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {"event": "of ours", "level": "warning", "topic": "logins"}
    assert others.pop("timestamp").endswith("Z")
    assert others == {"event": "FAIL [producer-1] of another", "level": "error"}


@pytest.mark.parametrize("log_format", ["console", ""])
def test_console_is_a_line_for_people(log_format: str) -> None:
    """It is the default, and has no colours without a terminal."""
    ours, others = spoken(log_format)
    assert ours.endswith("Z [warning  ] of ours topic=logins")
    assert others.endswith("Z [error    ] FAIL [producer-1] of another")
