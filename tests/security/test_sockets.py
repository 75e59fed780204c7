"""What listens: nothing that wasn't asked for, and nothing beyond this machine."""

import re
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from local_kafka import LocalKafka
from settings import Settings
from tests.support.flow import PROJECT, Flow
from tests.support.waiting import wait_until

COMPOSE_FILES = ("docker-compose.yml", "docker-compose.kraft.yml")
API_SWITCH = "BYTEWAX_DATAFLOW_API_ENABLED"


def listening(pid: int) -> set[str]:
    """Return the addresses on which a process or one of its children takes connections."""
    family = [psutil.Process(pid)]
    family += family[0].children(recursive=True)
    sockets = [each for member in family for each in member.net_connections("inet")]
    return {f"{at.laddr.ip}:{at.laddr.port}" for at in sockets if at.status == psutil.CONN_LISTEN}


def test_a_running_flow_listens_nowhere(flow: Flow) -> None:
    """Neither the engine's API nor metrics nor anything else takes connections by default."""
    flow.topics.make(flow.input)
    with flow.running() as process:
        process.wait_for_text("topic created")
        wait_until(lambda: flow.topics.ends(flow.progress_topic), "topics")
        assert listening(process.process.pid) == set()
        assert process.stop() == 0, process.output()


def test_a_cluster_listens_for_its_members_only(flow: Flow, free_ports: list[int]) -> None:
    """With -a a process listens on its own address of the list, and nowhere else."""
    flow.topics.make(flow.input)
    addresses = [f"127.0.0.1:{port}" for port in free_ports[:2]]
    with flow.running("-i", "0", "-a", ";".join(addresses)) as process:
        wait_until(lambda: listening(process.process.pid), "the process listens")
        assert listening(process.process.pid) == {addresses[0]}


def test_metrics_are_for_this_machine_by_default(flow: Flow, free_ports: list[int]) -> None:
    """With METRICS_PORT that port is taken on loopback, and no other one anywhere."""
    flow.topics.make(flow.input)
    port = free_ports[0]
    with flow.running(METRICS_PORT=str(port)) as process:
        process.wait_for_text("topic created")
        wait_until(lambda: flow.topics.ends(flow.progress_topic), "topics")
        assert listening(process.process.pid) == {f"127.0.0.1:{port}"}
        assert process.stop() == 0, process.output()


def test_the_local_kafka_is_reached_from_this_machine_only(kafka: LocalKafka) -> None:
    """The broker for laptops and tests has no password, so it listens on loopback."""
    addresses = listening(kafka.pid)
    assert kafka.bootstrap_servers in {address.replace("::ffff:", "") for address in addresses}
    assert all("127.0.0.1:" in address for address in addresses), addresses


def test_the_live_page_is_for_this_machine_by_default() -> None:
    """DASHBOARD_HOST has to be set before anybody else can see the page."""
    assert Settings.model_fields["dashboard_host"].default == "127.0.0.1"


@pytest.mark.parametrize(
    "file",
    [
        "Dockerfile",
        *COMPOSE_FILES,
        "Makefile",
        "deploy/run-flow.sh",
        "deploy/run-process.sh",
        "deploy/kubernetes/settings.yaml",
        "deploy/kubernetes/statefulset.yaml",
    ],
)
def test_nothing_here_turns_the_engines_api_on(file: str) -> None:
    """The API has no password and listens on all addresses, so nobody gets it unasked."""
    assert API_SWITCH not in (PROJECT / file).read_text()


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_compose_publishes_ports_on_this_machine_only(file: str) -> None:
    """A published port without an address would be open to the whole network."""
    services = YAML(typ="safe").load(PROJECT / file)["services"]
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert {"kafka", "dashboard", "prometheus", "grafana"} <= set(published)
    assert "processor" not in published, "metrics are for Prometheus within the network"
    ports = [port for each in published.values() for port in each]
    assert all(port.startswith("127.0.0.1:") for port in ports), ports


def test_the_image_runs_as_an_ordinary_user() -> None:
    """The last USER of the image's description is not root."""
    users = re.findall(r"^USER (.+)$", Path(PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert users
    assert users[-1] not in {"root", "0"}
