"""What the compose files promise; tests/containers runs them."""

import re
import subprocess
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.flow import PROJECT

COMPOSE_FILES = ("docker-compose.yml", "docker-compose.kraft.yml")
APPLICATIONS = ("producer", "processor", "security", "dashboard")
MONITORING = ("prometheus", "grafana")


@pytest.mark.parametrize("file", COMPOSE_FILES)
def test_compose_is_valid(file: str) -> None:
    """The compose files are what the compose specification allows."""
    check = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", file]
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_has_the_promised_environment() -> None:
    """Zookeeper and Kafka on their ports, healthy before others start, with volumes, pinned."""
    services = _compose()["services"]
    assert set(services) == {"zookeeper", "kafka", *APPLICATIONS, *MONITORING}
    assert services["zookeeper"]["ports"] == ["127.0.0.1:22182:2181"]
    assert services["kafka"]["ports"] == ["127.0.0.1:29092:29092"]
    for server in ("zookeeper", "kafka"):
        assert services[server]["healthcheck"]["test"]
        assert services[server]["volumes"]
        assert re.fullmatch(r"[\w/-]+:\d+\.\d+\.\d+", services[server]["image"])
    assert services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].endswith(
        "PLAINTEXT_HOST://localhost:29092"
    )
    profiles = {name: one["profiles"] for name, one in services.items() if "profiles" in one}
    assert profiles == {"security": ["security"], **{one: ["monitoring"] for one in MONITORING}}
    assert services["dashboard"]["ports"] == ["127.0.0.1:8080:8080"]
    for application in APPLICATIONS:
        assert services[application]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
        assert services[application]["restart"] == "on-failure"
        assert services[application]["build"]["target"] in _stages()


def test_without_zookeeper_the_rest_is_the_same() -> None:
    """The KRaft environment has the same applications and monitoring, Kafka's image and ports."""
    usual, kraft = (_compose(file) for file in COMPOSE_FILES)
    assert set(kraft["services"]) == {"kafka", *APPLICATIONS, *MONITORING}
    for service in (*APPLICATIONS, *MONITORING):
        assert kraft["services"][service] == usual["services"][service]
    for part in ("image", "ports", "healthcheck", "volumes"):
        assert kraft["services"]["kafka"][part] == usual["services"]["kafka"][part]
    assert set(usual["volumes"]) - set(kraft["volumes"]) == {"zookeeper-data", "zookeeper-log"}


def _dockerfile() -> str:
    return (PROJECT / "Dockerfile").read_text()


def _stages() -> dict[str, str]:
    """Return what the Dockerfile says of each of its stages, by name."""
    parts = re.split(r"^FROM \S+ AS (\S+)$", _dockerfile(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _compose(file: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(PROJECT / file)
    return loaded
