"""The compose file's environment in a container engine, once for all tests of a file.

Not for the whole session: its processes would take CPU time from the tests of the other workers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.containers.compose import Compose
from tests.containers.engine import Engine, running_engine
from tests.containers.images import build_stand_ins, import_base
from tests.containers.pods import Pods
from tests.support.waiting import wait_until

TOPICS = ("INPUT_TOPIC", "OUTPUT_TOPIC", "DEAD_LETTER_TOPIC", "INSIGHTS_TOPIC")
OUTPUT = "processed-user-login"
MARKERS = 32  # offsets that may be no outputs: those of some transactions on each partition
OUTPUT_SECONDS = 240.0  # two minutes of work at least on a busy machine
OWN_IMAGES = ("processor", "dashboard")


@dataclass
class Environment:
    """What `docker compose up -d` started.

    Attributes:
        engine: runs it.
        compose: the compose file's containers.
    """

    engine: Engine
    compose: Compose

    def read(self, topic: str) -> list[str]:
        """Return the values of a topic's committed records, read at the published port."""
        return self.published("read", topic).splitlines()

    def published(self, *arguments: str) -> str:
        """Use a published port from outside of all containers."""
        return self.engine.python("tests.containers.published", *arguments)

    def wait_for_more_outputs(self) -> None:
        """Return when more processed logins have been written than there are now."""
        before = int(self.published("end", OUTPUT))
        wait_until(
            lambda: int(self.published("end", OUTPUT)) > before + MARKERS, "outputs", OUTPUT_SECONDS
        )

    def wait_for_outputs(self, count: int, topic: str = OUTPUT) -> list[str]:
        """Return the processed logins when there are at least so many."""

        def enough() -> list[str] | None:
            found = self.read(topic)
            return found if len(found) >= count else None

        return wait_until(enough, f"{count} outputs on {topic}", OUTPUT_SECONDS) or []


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A container engine with the base image and the stand-ins."""
    with running_engine() as engine:
        folder = tmp_path_factory.mktemp("images")
        import_base(engine, folder)
        build_stand_ins(engine, folder)
        yield engine


@pytest.fixture(scope="module")
def compose(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Compose:
    """The compose file, with both images of the Dockerfile built."""
    compose = Compose(engine, "docker-compose.yml", tmp_path_factory.mktemp("compose"))
    compose.run("build", *OWN_IMAGES)
    return compose


@pytest.fixture(scope="module")
def environment(engine: Engine, compose: Compose) -> Environment:
    """All that comes up without a profile, once the first logins are processed."""
    environment = Environment(engine, compose)
    compose.run("up", "-d")
    compose.wait_for_log("processor", f"topic={OUTPUT}")
    environment.wait_for_more_outputs()
    return environment


@pytest.fixture(scope="module")
def pods(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Pods:
    """The pods of the Kubernetes manifests, started, with topics of their own."""
    topics = {name: f"pods-{name.lower()}" for name in TOPICS}
    folder = tmp_path_factory.mktemp("pods")
    pods = Pods(environment.engine, folder, KAFKA_GROUP_ID="pods", REPORT_EVERY="1000", **topics)
    environment.published("logins", topics["INPUT_TOPIC"], "0", "1000")
    pods.start()
    return pods
