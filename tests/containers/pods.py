"""The pods of the Kubernetes manifests as containers, and the part of kubectl that rescale.sh uses.

    python -m tests.containers.pods scale statefulset/login-processor --replicas=2
    python -m tests.containers.pods wait --for=delete pod ...
    python -m tests.containers.pods patch configmap/login-processor --patch '{"data": ...}'

What a StatefulSet's controller and a kubelet make of the manifests is done here with docker: names,
command, settings, user, rights, limits, volumes and restarts. The settings are in the file that
SETTINGS names, as Kubernetes would keep the ConfigMap.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.containers.engine import Engine
from tests.support.flow import PROJECT

__all__ = ["Pods"]

FOLDER = PROJECT / "deploy" / "kubernetes"
NETWORK = "login-processor_default"  # of the compose file, where its Kafka is
SETTINGS = "PODS_SETTINGS"
STOP_SECONDS = 120


class Pods:
    """The StatefulSet's pods, on the network of a compose file's Kafka.

    Args:
        engine: runs them.
        folder: for their settings, and for what rescale.sh takes for kubectl.
        settings: what an operator would write into settings.yaml.
    """

    def __init__(self, engine: Engine, folder: Path, **settings: str) -> None:
        self._engine = engine
        file = folder / "settings.json"
        file.write_text(json.dumps(manifest("settings.yaml")["data"] | settings))
        kubectl = folder / "kubectl"
        kubectl.write_text(f'#!/bin/sh\nexec {sys.executable} -m {__spec__.name} "$@"\n')
        kubectl.chmod(0o755)
        self._environment = ["env", f"{SETTINGS}={file}", f"PATH={folder}:{os.environ['PATH']}"]

    def start(self) -> None:
        """Start as many pods as the manifests say."""
        [replicas] = manifest("kustomization.yaml")["replicas"]
        target = f"statefulset/{replicas['name']}"
        self._run("kubectl", "scale", target, f"--replicas={replicas['count']}")

    def rescale(self, processes: int) -> None:
        """Run the script that is documented for another number of processes."""
        self._run("sh", "deploy/kubernetes/rescale.sh", str(processes))

    def kill(self, number: int) -> None:
        """End a pod's process as the kernel does."""
        self._engine.kill(self.state(number)["State"]["Pid"])

    def state(self, number: int) -> dict[str, Any]:
        """Return what the engine knows of a pod."""
        [found] = json.loads(self._engine.docker("inspect", pod_name(number)))
        known: dict[str, Any] = found
        return known

    def log(self, number: int) -> str:
        """Return what a pod has printed, over its restarts."""
        return self._engine.docker("logs", pod_name(number))

    def probes(self, number: int) -> dict[str, str]:
        """Return the URL that the kubelet asks for each of a pod's probes."""
        address = self.state(number)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
        return {name: f"http://{address}:{target}" for name, target in probes().items()}

    def _run(self, *command: str) -> None:
        self._engine.run([*self._environment, *command])


def manifest(file: str) -> dict[str, Any]:
    """Return a manifest."""
    found: dict[str, Any] = YAML(typ="safe").load(FOLDER / file)
    return found


def pod_name(number: int) -> str:
    """Return what the StatefulSet calls its pod of this number."""
    return f"{manifest('statefulset.yaml')['metadata']['name']}-{number}"


def probes() -> dict[str, str]:
    """Return port and path that the kubelet asks for each probe."""
    container = _container()
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    asked = {
        name: container[name]["httpGet"]
        for name in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    return {name: f"{ports[get['port']]}{get['path']}" for name, get in asked.items()}


def main(command: str, _target: str, *options: str) -> None:
    """Do what kubectl is asked for."""
    file = Path(os.environ[SETTINGS])
    settings = json.loads(file.read_text())
    if command == "scale":
        _scale(int(options[0].removeprefix("--replicas=")), settings)
    elif command == "patch":
        file.write_text(json.dumps(settings | json.loads(options[1])["data"]))
    elif command == "wait" and _running():
        sys.exit("pods are left")


def _scale(replicas: int, settings: dict[str, str]) -> None:
    """Start the pods that are missing, all at once, and drain those that are too many."""
    names = [pod_name(number) for number in range(replicas)]
    if extra := sorted(_running() - set(names)):
        _docker("stop", f"--time={_pod()['terminationGracePeriodSeconds']}", *extra)
        _docker("rm", *extra)
    for name in names:
        if name not in _running():
            _docker("run", "--detach", *_options(name, settings))


def _options(name: str, settings: dict[str, str]) -> Iterator[str]:
    """Yield what makes a container of a pod."""
    pod, container = _pod(), _container()
    user, rights = pod["securityContext"], container["securityContext"]
    service = manifest("statefulset.yaml")["spec"]["serviceName"]
    assert rights["readOnlyRootFilesystem"]
    assert not rights["allowPrivilegeEscalation"]
    yield from ("--name", name, "--hostname", name)
    yield from ("--network", NETWORK, "--network-alias", f"{name}.{service}")
    yield from ("--user", f"{user['runAsUser']}:{user['runAsGroup']}", "--read-only")
    yield from (f"--cap-drop={one}" for one in rights["capabilities"]["drop"])
    yield "--security-opt=no-new-privileges"
    yield f"--memory={container['resources']['limits']['memory'].removesuffix('i').lower()}"
    yield "--restart=always"
    for variable in container["env"]:
        assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        yield f"--env={variable['name']}={name}"
    yield from (f"--env={key}={value}" for key, value in settings.items())
    for mount in container["volumeMounts"]:
        yield _volume(mount, name)
    entry, *arguments = container["command"]
    yield f"--entrypoint={entry}"
    [image] = manifest("kustomization.yaml")["images"]
    yield f"{image['newName']}:{image['newTag']}"
    yield from arguments


def _volume(mount: dict[str, Any], name: str) -> str:
    claims = manifest("statefulset.yaml")["spec"]["volumeClaimTemplates"]
    if mount["name"] in (claim["metadata"]["name"] for claim in claims):
        return f"--volume={mount['name']}-{name}:{mount['mountPath']}"
    return f"--tmpfs={mount['mountPath']}"  # empty, as the optional secret that isn't there


def _running() -> set[str]:
    prefix = pod_name(0).removesuffix("0")
    found = _docker("ps", "--all", "--filter", f"name=^{prefix}", "--format={{.Names}}")
    return set(found.split())


def _pod() -> dict[str, Any]:
    pod: dict[str, Any] = manifest("statefulset.yaml")["spec"]["template"]["spec"]
    return pod


def _container() -> dict[str, Any]:
    [container] = _pod()["containers"]
    found: dict[str, Any] = container
    return found


def _docker(*arguments: str) -> str:
    done = subprocess.run(
        ["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True, timeout=STOP_SECONDS
    )
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
