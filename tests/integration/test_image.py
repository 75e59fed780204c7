"""The image and compose file, as far as they can be checked without a container engine."""

import importlib.metadata
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.flow import PROJECT, Flow
from tests.support.waiting import wait_until


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with exactly what the Dockerfile copies into the image."""
    folder = tmp_path / "app"
    for sources, target in re.findall(
        r"^COPY (?!--from)(?!requirements)(.+) (\S+)$", _dockerfile(), re.MULTILINE
    ):
        for source in sources.split():
            _copy(PROJECT / source, folder / (source if target == "./" else target))
    return folder


def test_the_images_command_runs_drains_and_goes_on(image: Path, flow: Flow) -> None:
    """The image's command makes its recovery state, drains on SIGTERM, and goes on from it."""
    state = flow.folder / "state"
    state.mkdir()
    [command] = re.findall(r"^CMD (.+)$", _dockerfile(), re.MULTILINE)
    arguments = [argument.replace("/state", str(state)) for argument in json.loads(command)]
    log = flow.folder / "image.log"
    for total in ("200", "400"):
        _send_samples(image, flow, "200")
        with log.open("wb") as output:
            process = subprocess.Popen(
                arguments, cwd=image, env=_environment(flow), stdout=output, stderr=output
            )
        try:
            wanted = f"report: {total} logins"
            wait_until(lambda wanted=wanted: wanted in log.read_text(), wanted)  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert len(flow.outputs()) == 400


def test_the_image_needs_the_locked_packages_only(image: Path) -> None:
    """All that flow and producer import comes from the image's files or requirements.txt."""
    listing = (
        "import json, sys, dataflows.login, dlq.__main__, producer.__main__\n"
        "print(json.dumps([name for name in sys.modules if '.' not in name]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", listing], cwd=image, capture_output=True, text=True, check=True
    )
    packages = importlib.metadata.packages_distributions()
    used = {
        distribution.lower().replace("_", "-")
        for module in json.loads(done.stdout)
        if module not in sys.stdlib_module_names
        for distribution in packages.get(module, [])
    }
    pinned = re.findall(r"^([\w.-]+)==", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    # Not needed, but imported where they happen to be, as in the tests' environment.
    allowed = {"setuptools", "attrs", "greenlet"}
    assert {"bytewax", "confluent-kafka", "msgspec"} <= used
    assert used - set(pinned) <= allowed


def test_compose_is_valid() -> None:
    """The compose file is what the compose specification allows."""
    check = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_has_the_promised_environment() -> None:
    """Zookeeper and Kafka on their ports, healthy before others start, with volumes, pinned."""
    services = _compose()["services"]
    assert {"zookeeper", "kafka", "producer", "processor"} <= set(services)
    assert services["zookeeper"]["ports"] == ["127.0.0.1:22182:2181"]
    assert services["kafka"]["ports"] == ["127.0.0.1:29092:29092"]
    for server in ("zookeeper", "kafka"):
        assert services[server]["healthcheck"]["test"]
        assert services[server]["volumes"]
        assert re.fullmatch(r"[\w/-]+:\d+\.\d+\.\d+", services[server]["image"])
    assert services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].endswith(
        "PLAINTEXT_HOST://localhost:29092"
    )
    for application in ("producer", "processor"):
        assert services[application]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
        assert services[application]["restart"] == "on-failure"


def _dockerfile() -> str:
    return (PROJECT / "Dockerfile").read_text()


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(PROJECT / "docker-compose.yml")
    return loaded


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _environment(flow: Flow) -> dict[str, str]:
    environment = flow.environment(REPORT_EVERY="1")
    del environment["PYTHONPATH"]  # the image has its own files only
    return {**environment, "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}


def _send_samples(image: Path, flow: Flow, count: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "producer", "--count", count, "--rate", "0"],
        cwd=image,
        env=_environment(flow),
        check=True,
        capture_output=True,
    )
