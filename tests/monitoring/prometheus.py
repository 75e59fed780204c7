"""A real Prometheus with the project's rules, that asks a flow's processes."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.monitoring.web import ask
from tests.support.flow import PROJECT
from tests.support.processes import start_process
from tests.support.waiting import wait_until

__all__ = ["FOLDER", "Prometheus", "for_pods", "for_processes", "running"]

FOLDER = PROJECT / "deploy/prometheus"
ASK_SECONDS = 60.0  # a busy machine is not a failure


class Prometheus:
    """What a running Prometheus knows.

    Args:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now, each with `metric` and `value`."""
        found = self.get("query", query=expression)["result"]
        return found if isinstance(found, list) else []

    def value(self, expression: str) -> float | None:
        """Return the only value that an expression gives now, None if it gives none."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else None

    def get(self, what: str, **parameters: str) -> dict[str, Any]:
        """Return the data of an answer of the HTTP API; an error of it is raised."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self._port}/api/v1/{what}?{query}"
        with urllib.request.urlopen(url, timeout=ASK_SECONDS) as got:
            data: dict[str, Any] = json.load(got)["data"]
        return data


@contextmanager
def running(
    path: str, folder: Path, port: int, configuration: dict[str, Any]
) -> Iterator[Prometheus]:
    """Run Prometheus while the block runs.

    Args:
        path: of the program.
        folder: for its configuration and data.
        port: where it shall listen.
        configuration: what it shall do.
    """
    file = folder / "prometheus.yml"
    YAML().dump(configuration, file)
    command = [
        path,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as output:
        process = start_process(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: ask(port, "/-/ready")[0] == 200, "Prometheus is ready")
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(ASK_SECONDS)


def for_processes(ports: Sequence[int]) -> dict[str, Any]:
    """Return the project's configuration; only targets and haste are other ones.

    Args:
        ports: of the processes that it shall ask.
    """
    configuration: dict[str, Any] = YAML().load(FOLDER / "prometheus.yml")
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(FOLDER / name) for name in configuration["rule_files"]]
    [job] = configuration["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    return configuration


def for_pods(pods: Mapping[int, Mapping[str, str]]) -> dict[str, Any]:
    """Return the project's configuration for Kubernetes, given what Kubernetes would tell of pods.

    Args:
        pods: by port, what is known of it, without the prefix of such labels.
    """
    configuration: dict[str, Any] = YAML().load(FOLDER / "kubernetes.yml")
    [job] = configuration["scrape_configs"]
    del job["kubernetes_sd_configs"]  # asks Kubernetes, and Debian's Prometheus comes without it
    job["static_configs"] = [
        {
            "targets": [f"127.0.0.1:{port}"],
            "labels": {f"__meta_kubernetes_{name}": value for name, value in known.items()},
        }
        for port, known in pods.items()
    ]
    return configuration
