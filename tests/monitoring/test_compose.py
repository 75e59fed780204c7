"""Prometheus and Grafana of the compose files, as far as they can be checked without containers."""

import re
from typing import Any

from ruamel.yaml import YAML

from tests.support.flow import PROJECT

FILE = PROJECT / "docker-compose.yml"
BESIDE = ("prometheus", "grafana")


def services() -> dict[str, Any]:
    """Return the file's services."""
    found: dict[str, Any] = YAML(typ="safe").load(FILE)["services"]
    return found


def test_images_are_pinned_unprivileged_and_for_this_machine() -> None:
    """No `latest`, no root, no port on the network, nothing written to the image."""
    for name in BESIDE:
        service = services()[name]
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])
        assert int(service["user"].partition(":")[0]) > 0
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]


def test_what_is_mounted_is_there() -> None:
    """A folder that is missing would be made, empty, by the container engine."""
    mounted = [volume for name in BESIDE for volume in services()[name]["volumes"]]
    folders = [volume.split(":")[0] for volume in mounted if volume.startswith("./")]
    assert len(folders) == 3
    assert all((PROJECT / folder).is_dir() for folder in folders)


def test_prometheus_asks_the_port_that_the_processor_is_given() -> None:
    """Within the compose network, so the port is published nowhere."""
    processor = services()["processor"]
    configuration = YAML(typ="safe").load(PROJECT / "deploy/prometheus/prometheus.yml")
    [job] = configuration["scrape_configs"]
    port = processor["environment"]["METRICS_PORT"]
    assert job["static_configs"] == [{"targets": [f"processor:{port}"]}]
    assert processor["environment"]["METRICS_HOST"] == "0.0.0.0"  # noqa: S104
    assert "ports" not in processor
    assert f":{port}/live" in processor["healthcheck"]["test"][-1]


def test_the_report_is_at_most_a_few_lines_a_minute_in_a_container_log() -> None:
    """At the sample producer's rate the processor prints at most one report per minute."""
    found = services()
    command = found["producer"]["command"]
    rate = int(command[command.index("--rate") + 1])
    assert int(found["processor"]["environment"]["REPORT_EVERY"]) >= 60 * rate


def test_grafana_finds_the_dashboard() -> None:
    """Provider and mount name the same folder, and data goes where Prometheus listens."""
    provisioning = PROJECT / "deploy/grafana/provisioning"
    [provider] = YAML(typ="safe").load(provisioning / "dashboards/login.yml")["providers"]
    volumes = services()["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in volumes
    [source] = YAML(typ="safe").load(provisioning / "datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
