"""`python -m insights`, as its users run it, against a real Kafka."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.browser.stage import Stage, insight, login
from tests.support.flow import Flow
from tests.support.processes import start_process
from tests.support.waiting import wait_until

RUN_SECONDS = 60


@pytest.fixture
def stage(flow: Flow) -> Stage:
    """Topics whose names nothing else uses."""
    return Stage(flow)


def run(stage: Stage, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "insights", *options],
        cwd=stage.flow.folder,
        env=stage.flow.environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )


@contextmanager
def following(stage: Stage, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command with --follow while the block runs; its output goes to a file."""
    output = stage.flow.folder / "output"
    with output.open("w") as stdout, (stage.flow.folder / "errors").open("w") as stderr:
        process = start_process(
            [sys.executable, "-m", "insights", "--follow", *options],
            cwd=stage.flow.folder,
            env=stage.flow.environment(),
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def printed(stage: Stage) -> list[str]:
    """Return the lines that a following command has printed."""
    return (stage.flow.folder / "output").read_text().splitlines()


def test_the_newest_windows_are_printed_the_newest_last(stage: Stage) -> None:
    """As many as were asked for, whatever the order on the topic; one that changed as it is now."""
    stage.make_topics()
    stage.write(*(insight(number, [login(1)]) for number in (3, 0, 1, 2)))
    stage.write(insight(3, [login(1), login(2)]))
    done = run(stage, "--last", "2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["window_start"][11:16], one["logins"]) for one in found] == [
        ("09:49", 1),
        ("09:50", 2),
    ]
    assert len(run(stage).stdout.splitlines()) == 2 + 4, "title, rule and four rows"


def test_following_prints_each_window_as_it_comes(stage: Stage) -> None:
    """First the newest, then the new ones; a closed terminal ends it in order."""
    stage.make_topics()
    stage.write(insight(0, [login(1)]))
    with following(stage, "--json") as process:
        wait_until(lambda: len(printed(stage)) == 1, "the window that was there")
        stage.write(insight(1, [login(1)]))
        wait_until(lambda: len(printed(stage)) == 2, "the new one")
        process.send_signal(signal.SIGHUP)
        assert process.wait(120) == 0
    assert [json.loads(line)["window_start"][11:16] for line in printed(stage)] == [
        "09:47",
        "09:48",
    ]
    assert (stage.flow.folder / "errors").read_text() == ""


def test_a_reader_that_goes_away_ends_it_quietly(stage: Stage) -> None:
    """As with `| head -1`."""
    stage.make_topics()
    stage.write(*(insight(number, [login(1)]) for number in range(500)))
    command = f"{sys.executable} -m insights --last 500 --json | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=stage.flow.folder,
        env=stage.flow.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_a_record_that_is_no_insight_is_left_out_and_told(stage: Stage) -> None:
    """The others are printed all the same."""
    stage.make_topics()
    stage.topics.send(stage.flow.insights_topic, [{"key": b"nonsense", "value": b"nonsense"}])
    stage.write(insight(0, [login(1)]))
    done = run(stage, "--json")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == "offset 0 is left out: 'nonsense' is not a time\n"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "there is no topic "),
        ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "no Kafka broker answers at 127.0.0.1:1"),
    ],
)
def test_what_is_missing_is_one_clear_line(
    stage: Stage, settings: dict[str, str], said: str
) -> None:
    """No broker or no topic: what is wrong and what to do, and status 1."""
    done = run(stage, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(said)


def test_a_topic_without_windows_is_one_clear_line(stage: Stage) -> None:
    """The flow runs, and its first window has not closed yet."""
    stage.make_topics()
    done = run(stage)
    assert done.returncode == 1
    assert done.stderr == f"there are no windows on topic {stage.flow.insights_topic} yet\n"


@pytest.mark.parametrize("count", ["-1", "many", "100001"])
def test_a_wrong_count_is_refused(stage: Stage, count: str) -> None:
    """With what is allowed."""
    done = run(stage, f"--last={count}")
    assert done.returncode == 2
    assert "not a number from 0 to 100000" in done.stderr
