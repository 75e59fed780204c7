"""The image and compose file, as far as they can be checked without a container engine."""

import importlib.metadata
import json
import re
import shutil
import signal
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from ruamel.yaml import YAML

from local_kafka import LocalKafka
from tests.support.attacks import START, login, spray
from tests.support.flow import PROJECT, Flow
from tests.support.ports import unused_port
from tests.support.processes import start_process
from tests.support.security import alerts, send
from tests.support.topics import Topics
from tests.support.waiting import wait_until

COMPOSE_FILES = ("docker-compose.yml", "docker-compose.kraft.yml")
APPLICATIONS = ("producer", "processor", "security", "dashboard")
MONITORING = ("prometheus", "grafana")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with exactly what the Dockerfile copies into the flow's image."""
    return _image("processor", tmp_path / "app")


def test_the_images_command_runs_drains_and_goes_on(image: Path, flow: Flow) -> None:
    """The image's command makes its recovery state, drains on SIGTERM, and goes on from it."""
    state = flow.folder / "state"
    state.mkdir()
    arguments = [argument.replace("/state", str(state)) for argument in _command("processor")]
    log = flow.folder / "image.log"
    for total in ("200", "400"):
        _send_samples(image, flow, "200")
        with log.open("wb") as output:
            process = start_process(
                arguments, cwd=image, env=_environment(flow), stdout=output, stderr=output
            )
        try:
            wanted = f"report: {total} logins"
            wait_until(lambda wanted=wanted: wanted in log.read_text(), wanted)  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
        finally:
            process.kill()
    assert len(flow.outputs()) == 400


def test_the_same_image_runs_the_security_flow(image: Path, flow: Flow) -> None:
    """With what its compose service sets, the image's command writes alerts and drains."""
    service = _compose()["services"]["security"]
    assert service["volumes"] == ["security-state:/state"], "its state is its own"
    state = flow.folder / "state"
    state.mkdir()
    arguments = [argument.replace("/state", str(state)) for argument in _command("processor")]
    send(flow, [[*spray(START, users=60), login(START + 361, "later", None)]])
    log = flow.folder / "image.log"
    environment = _environment(flow) | {"FLOW": service["environment"]["FLOW"]}
    with log.open("wb") as output:
        process = start_process(arguments, cwd=image, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: alerts(flow), f"an alert: {log.read_text()}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
    assert "leaked" not in log.read_text()


def test_the_image_needs_the_locked_packages_only(image: Path) -> None:
    """All that flow and producer import comes from the image's files or requirements.txt."""
    listing = (
        "import json, sys, dataflows.login, dataflows.security, dlq.__main__, insights.__main__\n"
        "import producer.__main__\n"
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


def test_the_live_pages_image_serves_it_and_writes_nothing(
    tmp_path: Path, flow: Flow, free_ports: list[int]
) -> None:
    """The image of the live page has all that it needs, as a user without a home too."""
    folder = _image("dashboard", tmp_path / "app")
    flow.topics.make(flow.input)
    files = sorted(folder.rglob("*"))
    port = str(free_ports[0])
    environment = {**_environment(flow), "HOME": "/nonexistent", "DASHBOARD_PORT": port}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # as the image has it
    with (flow.folder / "page.log").open("wb") as log:
        process = start_process(
            _command("dashboard"), cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: _answers(port), "the live page")
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
    assert sorted(folder.rglob("*")) == files


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


def test_kafka_starts_with_the_settings_that_need_no_zookeeper(tmp_path: Path) -> None:
    """A broker with the KRaft environment's settings runs; only its addresses are others."""
    environment = _compose("docker-compose.kraft.yml")["services"]["kafka"]["environment"]
    properties = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }
    ports = {"9092": unused_port(), "29092": unused_port(), "9093": unused_port()}
    for old, new in ports.items():
        for name, value in properties.items():
            address = rf"\b(?:kafka|localhost|0\.0\.0\.0):{old}\b"
            properties[name] = re.sub(address, f"127.0.0.1:{new}", value)
    with LocalKafka(tmp_path / "kafka", ports["29092"], properties) as broker:
        Topics(broker.bootstrap_servers).make("any")
        assert (tmp_path / "kafka" / "server.properties").read_text().count("CONTROLLER:PLAINTEXT")


def _dockerfile() -> str:
    return (PROJECT / "Dockerfile").read_text()


def _stages() -> dict[str, str]:
    """Return what the Dockerfile says of each of its stages, by name."""
    parts = re.split(r"^FROM \S+ AS (\S+)$", _dockerfile(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _command(stage: str) -> list[str]:
    [command] = re.findall(r"^CMD (.+)$", _stages()[stage], re.MULTILINE)
    arguments: list[str] = json.loads(command)
    return arguments


def _image(stage: str, folder: Path) -> Path:
    """Fill a folder with exactly what the Dockerfile copies into an image."""
    copied = re.findall(r"^COPY (?!--from)(.+) (\S+)$", _stages()[stage], re.MULTILINE)
    for sources, target in copied:
        for source in sources.split():
            name = f"{target}{Path(source).name}" if target.endswith("/") else target
            _copy(PROJECT / source, folder / name)
    return folder


def _answers(port: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}", timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def _compose(file: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(PROJECT / file)
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
