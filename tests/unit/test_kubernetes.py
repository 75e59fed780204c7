"""The Kubernetes manifests, as far as they can be checked without a cluster."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from settings import Settings
from tests.support.flow import PROJECT

FOLDER = PROJECT / "deploy" / "kubernetes"
MANIFESTS = ("settings.yaml", "service.yaml", "statefulset.yaml", "disruption.yaml", "network.yaml")
SECURITY = "security/statefulset.yaml"
OLDEST, NEWEST = "1.29.0", "1.35.0"
# Names that the script takes besides the program's settings.
OF_THE_SCRIPT = {"ADDRESSES", "PROCESSES"}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_the_manifests_are_valid(version: str) -> None:
    """Kubernetes' own schemas take each of them, and know each word in them."""
    check = ["kubernetes_validate", "--strict", "-k", version, *MANIFESTS, SECURITY]
    done = subprocess.run(
        [sys.executable, "-m", *check], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_kustomize_takes_them_all() -> None:
    """Every manifest is listed, and the number of processes has one place."""
    kustomization = _read("kustomization.yaml")
    assert kustomization["resources"] == list(MANIFESTS)
    [replacement] = kustomization["replacements"]
    [replicas] = kustomization["replicas"]
    name = _read("statefulset.yaml")["metadata"]["name"]
    source = {"kind": "StatefulSet", "name": name, "fieldPath": "spec.replicas"}
    assert replicas["name"] == name
    assert replacement["source"] == source
    [target] = replacement["targets"]
    assert target["select"]["kind"] == _read("settings.yaml")["kind"]
    assert target["fieldPaths"] == ["data.PROCESSES"]


def test_the_memory_limit_is_the_one_that_was_measured_for() -> None:
    """The documentation says what a container needs for highly compressed input."""
    [container] = _read("statefulset.yaml")["spec"]["template"]["spec"]["containers"]
    limit = container["resources"]["limits"]["memory"]
    size = (PROJECT / "docs" / "operations.md").read_text()
    assert f"A container's limit of {limit}, as in `deploy/kubernetes`" in size


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl isn't on this machine")
def test_kubectl_writes_the_number_of_processes_into_both_places(tmp_path: Path) -> None:
    """What kubectl applies has the count of kustomization.yaml as replicas and as a setting."""
    folder = shutil.copytree(FOLDER, tmp_path / "kubernetes")
    kustomization = folder / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("count: 2", "count: 5"))
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    applied = {one["kind"]: one for one in YAML(typ="safe").load_all(done.stdout)}
    assert len(applied) == len(MANIFESTS)
    assert applied["StatefulSet"]["spec"]["replicas"] == 5
    assert applied["ConfigMap"]["data"]["PROCESSES"] == "5"


def test_all_speak_of_the_same_pods() -> None:
    """Service, budget and network policy select the pods that the stateful set makes."""
    template = _read("statefulset.yaml")["spec"]["template"]
    labels = template["metadata"]["labels"]
    network = _read("network.yaml")["spec"]
    selectors = [
        _read("service.yaml")["spec"]["selector"],
        _read("disruption.yaml")["spec"]["selector"]["matchLabels"],
        _read("statefulset.yaml")["spec"]["selector"]["matchLabels"],
        network["podSelector"]["matchLabels"],
        network["ingress"][0]["from"][0]["podSelector"]["matchLabels"],
        network["egress"][0]["to"][0]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * len(selectors)


def test_each_process_finds_the_others_by_their_names() -> None:
    """Pods start together, have names before they are ready, and may talk on the port they use."""
    pods = _read("statefulset.yaml")["spec"]
    service = _read("service.yaml")
    settings = _read("settings.yaml")["data"]
    port = _ports()["cluster"]
    name = pods["serviceName"]
    assert name == service["metadata"]["name"]
    assert settings["ADDRESSES"] == f"{name}-%d.{name}:{port}"
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert pods["podManagementPolicy"] == "Parallel"
    assert pods["updateStrategy"] == {"type": "OnDelete"}
    among_each_other = _read("network.yaml")["spec"]["ingress"][0]
    assert [one["port"] for one in among_each_other["ports"]] == [port]


def test_pods_run_what_the_tests_run() -> None:
    """The command is a script of deploy/, which the image holds."""
    container = _container()
    shell, script, state = container["command"]
    assert (shell, state) == ("sh", container["volumeMounts"][0]["mountPath"])
    assert (PROJECT / script).is_file()
    assert script in (PROJECT / "Dockerfile").read_text()


def test_probes_ask_the_port_of_the_metrics() -> None:
    """It is METRICS_PORT, on the pod's address, and says what the tests of monitoring have seen."""
    settings = _read("settings.yaml")["data"]
    assert settings["METRICS_PORT"] == str(_ports()["metrics"])
    assert settings["METRICS_HOST"] == "0.0.0.0"  # noqa: S104
    probes = {"startupProbe": "/live", "readinessProbe": "/ready", "livenessProbe": "/live"}
    for probe, path in probes.items():
        assert _container()[probe]["httpGet"] == {"path": path, "port": "metrics"}


def test_only_prometheus_may_scrape_metrics() -> None:
    """It may come from any namespace, to this one port."""
    _, watching = _read("network.yaml")["spec"]["ingress"]
    [source] = watching["from"]
    assert source["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    assert source["namespaceSelector"] == {}
    assert watching["ports"] == [{"protocol": "TCP", "port": _ports()["metrics"]}]


def test_only_prometheus_may_connect_to_the_security_flow() -> None:
    """It may go where the login flow may, other pods aside."""
    login, own = _read("network.yaml")["spec"], _read("security/network.yaml")["spec"]
    assert own["podSelector"] == _read(SECURITY)["spec"]["selector"]
    assert own["ingress"] == login["ingress"][1:]
    assert own["egress"] == login["egress"][1:]
    assert own["policyTypes"] == login["policyTypes"]


def test_prometheus_finds_the_pods_by_label_and_port() -> None:
    """Its job keeps what carries the pods' label and the name of their port."""
    file = PROJECT / "deploy" / "prometheus" / "kubernetes.yml"
    [job] = YAML(typ="safe").load(file)["scrape_configs"]
    label, port, _ = job["relabel_configs"]
    labels = _read("statefulset.yaml")["spec"]["template"]["metadata"]["labels"]
    assert label["regex"] == labels["app.kubernetes.io/name"]
    assert port["regex"] in _ports()


def test_pods_have_no_more_rights_than_they_need() -> None:
    """Not root, nothing but state and /tmp can be written, no secrets in the manifests."""
    pod = _read("statefulset.yaml")["spec"]["template"]["spec"]
    container = _container()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"--uid {pod['securityContext']['runAsUser']}" in (PROJECT / "Dockerfile").read_text()
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False
    secrets = {"KAFKA_SASL_PASSWORD", "KAFKA_SASL_USERNAME", "USER_ID_KEY"}
    assert secrets <= {name.upper() for name in Settings.model_fields}
    assert not secrets & set(_read("settings.yaml")["data"])
    assert {"secretRef": {"name": "login-processor", "optional": True}} in container["envFrom"]


def test_the_security_flows_pod_is_like_the_others() -> None:
    """The same image, settings, secrets, probes and rights; one process, with its own volume."""
    login, security = _read("statefulset.yaml")["spec"], _read(SECURITY)["spec"]
    theirs, own = _container(), _container(SECURITY)
    shared = ("image", "command", "envFrom", "securityContext", "volumeMounts")
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    assert {name: own[name] for name in shared + probes} == {
        name: theirs[name] for name in shared + probes
    }
    for name in ("securityContext", "volumes", "automountServiceAccountToken"):
        assert security["template"]["spec"][name] == login["template"]["spec"][name]
    assert security["volumeClaimTemplates"] == login["volumeClaimTemplates"]
    assert security["selector"]["matchLabels"] == security["template"]["metadata"]["labels"]
    assert security["selector"] != login["selector"]
    set_here = {one["name"]: one.get("value") for one in own["env"]}
    assert (security["replicas"], set_here["PROCESSES"]) == (1, "1")
    assert find_spec(set_here["FLOW"] or "")
    kustomization = _read("security/kustomization.yaml")
    assert kustomization["resources"] == ["network.yaml", Path(SECURITY).name]
    assert kustomization["images"] == _read("kustomization.yaml")["images"]


def test_settings_are_ones_that_the_program_has() -> None:
    """Each name in the ConfigMap is a setting, or the script's."""
    names = set(_read("settings.yaml")["data"])
    known = {name.upper() for name in Settings.model_fields}
    assert names - known == OF_THE_SCRIPT


def test_the_report_does_not_fill_the_pods_logs() -> None:
    """Pods print the report at most once per minute at 1,000 logins per second."""
    settings = _read("settings.yaml")["data"]
    assert int(settings.get("REPORT_EVERY", Settings().report_every)) >= 60 * 1_000


def test_rescale_drains_before_it_changes_the_number(tmp_path: Path) -> None:
    """The script asks kubectl to end all pods and waits, then sets the number and starts them."""
    done = _rescale(tmp_path, "4", "--namespace", "logins")
    assert done.returncode == 0, done.stderr
    asked = [line.split() for line in (tmp_path / "asked").read_text().splitlines()]
    assert all(line[:2] == ["--namespace", "logins"] for line in asked)
    assert [line[2] for line in asked] == ["scale", "wait", "patch", "scale"]
    assert asked[0][-1] == "--replicas=0"
    assert '{"data":{"PROCESSES":"4"}}' in "".join(asked[2])
    assert asked[3][-1] == "--replicas=4"


@pytest.mark.parametrize("number", ["0", "", "two", "-1", "1 2"])
def test_rescale_refuses_what_is_no_number_of_processes(tmp_path: Path, number: str) -> None:
    """A wrong number changes nothing."""
    assert _rescale(tmp_path, number).returncode == 2
    assert not (tmp_path / "asked").exists()


def test_rescale_stops_where_kubectl_fails(tmp_path: Path) -> None:
    """If pods don't end in time, the number isn't changed under those that run."""
    done = _rescale(tmp_path, "4", fails="wait")
    assert done.returncode == 1
    assert "patch" not in (tmp_path / "asked").read_text()


def _rescale(folder: Path, *arguments: str, fails: str = "-") -> subprocess.CompletedProcess[str]:
    """Run the script with a kubectl that only writes down what it was asked for."""
    kubectl = folder / "kubectl"
    kubectl.write_text(
        f'#!/bin/sh\necho "$@" >>{folder}/asked\ncase "$1" in {fails}) exit 1 ;; esac\n'
    )
    kubectl.chmod(0o755)
    return subprocess.run(
        ["sh", FOLDER / "rescale.sh", *arguments],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def _container(file: str = "statefulset.yaml") -> dict[str, Any]:
    [container] = _read(file)["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def _ports() -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in _container()["ports"]}


def _read(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(FOLDER / file)
    return loaded
