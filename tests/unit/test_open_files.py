"""The limit of open files: raised as far as needed, or a line that says how high it has to be."""

import subprocess
import sys

import pytest

from connectors.open_files import files_needed

ALLOW = """
import resource, sys
from connectors.open_files import allow_open_files
from connectors.topics import FlowTopics

soft, hard, partitions, processes = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
topics = FlowTopics(
    "in", "id", partitions, "out", 4, "dlq", "progress", "upserts", 1, 1, 1, 1, brokers=3
)
allow_open_files(topics, processes, 1)
print("now", resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def allow(*arguments: int) -> subprocess.CompletedProcess[str]:
    """Let a process with these limits, partitions and cluster ask for more."""
    command = [sys.executable, "-c", ALLOW, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("partitions", "brokers", "measured"),
    [(1, 1, 43), (20, 1, 191), (60, 1, 511), (1, 3, 59), (12, 3, 218), (36, 3, 558)],
)
def test_what_was_measured_lies_between_least_and_most(
    partitions: int, brokers: int, measured: int
) -> None:
    """Each was the highest number of open files of a flow over a real cluster."""
    needed = files_needed(partitions, brokers, workers=1, open_now=16)
    assert needed.least <= measured <= needed.most
    assert needed.most < measured + 200, "more than a limit has to be raised for"


def test_enough_is_left_as_it_is() -> None:
    """Nothing is said, either."""
    assert allow(1_000, 1_000, 4, 1).stdout == "now (1000, 1000)\n"


def test_a_soft_limit_is_raised_as_far_as_needed() -> None:
    """Not to the hard one, which may be a billion."""
    done = allow(128, 10_000, 200, 1)
    most = files_needed(200, 3, workers=1, open_now=0).most
    assert "limit of open files raised" in done.stdout
    limit = int(done.stdout.rpartition("now (")[2].split(",")[0])
    assert most <= limit < most + 30


def test_a_hard_limit_that_may_be_too_low_is_used_and_warned_of() -> None:
    """Not every producer talks to every broker, so it may be enough."""
    done = allow(128, 2_600, 200, 1)
    assert "open files may run out: raise the hard limit, or run more processes" in done.stdout
    assert done.stdout.endswith("now (2600, 2600)\n")


def test_a_hard_limit_that_is_too_low_stops_the_start() -> None:
    """One line with the limit that is needed; by more processes fewer are."""
    done = allow(128, 1_024, 200, 1)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "200 partitions of in on 3 broker(s) need at least " in line
    assert "open files, but this process may have only 1024: raise the limit (ulimit -n" in line
    assert allow(128, 1_024, 200, 4).returncode == 0
