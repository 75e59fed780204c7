import sys
from pathlib import Path

import pytest

from quickstart.__main__ import security_settings, wait_for_the_flow
from settings import Settings
from supervision.guarded import GuardedProcess
from tests.support.waiting import wait_until

STOP_SECONDS = 5.0


def process(program: str, *arguments: Path) -> GuardedProcess:
    """A part that runs a program."""
    return GuardedProcess([sys.executable, "-c", program, *map(str, arguments)], STOP_SECONDS)


# Ends when a file is there.
UNTIL = """
import sys, time
from pathlib import Path
while not Path(sys.argv[1]).exists():
    time.sleep(0.05)
"""


def test_part_that_ends_is_named_once_and_the_flow_goes_on(tmp_path: Path) -> None:
    """Its own last line says why; the flow's status is what counts."""
    said: list[str] = []

    def tell(line: str) -> None:
        said.append(line)
        (tmp_path / f"{len(said)}").touch()

    with (
        process("raise SystemExit(3)") as page,
        process(UNTIL, tmp_path / "1") as producer,
        process(UNTIL, tmp_path / "2") as flow,
    ):
        wait_until(lambda: page.poll() is not None, "the page has ended")
        assert wait_for_the_flow(flow, {"live page": page, "producer": producer}, tell) == 0
    assert said == [
        "the live page ended with status 3; the other parts continue without it",
        "the producer ended with status 0; the other parts continue without it",
    ]


@pytest.mark.parametrize(("port", "own"), [(None, None), (9464, "9465")])
def test_security_flow_has_a_metrics_port_of_its_own(port: int | None, own: str | None) -> None:
    """Both flows run on this machine, so the second one takes the port after the first one's."""
    settings = Settings(metrics_port=port)
    assert security_settings(settings).get("METRICS_PORT") == own


def test_security_flow_waits_at_least_as_long_as_was_asked_for() -> None:
    """Its input topic is made by the login flow, which starts at the same time."""
    assert security_settings(Settings())["BROKER_WAIT_SECONDS"] == "120"
    assert security_settings(Settings(broker_wait_seconds=600))["BROKER_WAIT_SECONDS"] == "600"
