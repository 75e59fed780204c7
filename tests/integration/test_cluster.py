"""Clusters of processes as Kubernetes and `make cluster` run them: by deploy/run-process.sh."""

import math
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from tests.monitoring.web import Answer, ask
from tests.support.attacks import START, spray
from tests.support.flow import PROJECT, Flow
from tests.support.logins import numbers, records
from tests.support.processes import start_process
from tests.support.security import alerts, record
from tests.support.waiting import wait_until

LOGINS = 20_000  # sent for each run of the cluster: some seconds of work
SCRIPTS = PROJECT / "deploy"
# A snapshot is whole once all workers are past its epoch.
WHOLE_SNAPSHOTS = """
    SELECT count(DISTINCT state_key) FROM snaps WHERE step_id = 'login.read' AND snap_epoch <
    (SELECT min(worker_frontier) FROM fronts WHERE ex_num = ? HAVING count(*) = 2)
"""


class Pod:
    """A process of a cluster with a folder and an address of its own, as a pod has them."""

    def __init__(
        self, flow: Flow, number: int, processes: int, port: int, **environment: str
    ) -> None:
        self.state = flow.folder / f"state-{number}"
        self.state.mkdir(exist_ok=True)
        self.log = flow.folder / f"pod-{number}-{time.monotonic_ns()}.log"
        self.environment = {
            **flow.environment(BATCH_SIZE="100"),
            "PATH": f"{Path(sys.executable).parent}:{flow.environment()['PATH']}",
            "NAME": f"login-processor-{number}",
            "PROCESSES": str(processes),
            "ADDRESSES": f"127.0.1.%d:{port}",  # all of 127.0.0.0/8 is this machine
            "METRICS_HOST": f"127.0.1.{number}",
            **environment,
        }
        with self.log.open("wb") as log:
            self.process = start_process(
                # The last -s holds: snapshots that come before the input is at its end.
                ["sh", str(SCRIPTS / "run-process.sh"), str(self.state), "-s", "1"],
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def ask(self, path: str) -> Answer:
        """Ask at its own address, as the kubelet and Prometheus do."""
        port = int(self.environment["METRICS_PORT"])
        return ask(port, path, self.environment["METRICS_HOST"])

    def last_snapshot(self) -> float:
        """Return when it last wrote a snapshot, NaN if never."""
        name = "login_last_snapshot_timestamp_seconds "
        lines = self.ask("/metrics")[1].splitlines()
        [value] = [line.removeprefix(name) for line in lines if line.startswith(name)]
        return float(value)


@contextmanager
def pods(flow: Flow, processes: int, port: int, **environment: str) -> Iterator[list[Pod]]:
    """Run a cluster while the block runs; what is left at its end is killed."""
    running = [Pod(flow, number, processes, port, **environment) for number in range(processes)]
    try:
        yield running
    finally:
        for pod in running:
            pod.process.kill()
            pod.process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only 127.0.0.1 is this machine")
def test_one_is_killed_the_rest_stop_and_all_go_on(flow: Flow, free_ports: list[int]) -> None:
    """Whichever process is killed, the other ends; restarted together they lose and repeat none."""
    flow.topics.make(flow.input)
    for run, victim in enumerate((0, 1)):
        flow.topics.send(flow.input, records(range(run * LOGINS, (run + 1) * LOGINS)))
        with pods(flow, 2, free_ports[0]) as cluster:
            wait_until(lambda: snapshots(cluster[0].state, run) == 4, "snapshots")  # noqa: B023
            cluster[victim].process.kill()
            assert cluster[1 - victim].process.wait(120) == 1
    flow.topics.send(flow.input, records(range(2 * LOGINS, 3 * LOGINS)))
    with pods(flow, 2, free_ports[0]) as cluster:
        wait_until(lambda: "report: 60,000 logins" in texts(cluster), "the report", 120)
        drain(cluster)
    assert numbers(flow.outputs()) == list(range(3 * LOGINS))
    assert "reading again to rebuild it" not in texts(cluster), "the state was lost"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only 127.0.0.1 is this machine")
def test_another_number_of_processes_goes_on_from_the_state(
    flow: Flow, free_ports: list[int]
) -> None:
    """Process 0 keeps the state of all, so 1, 3 and 2 processes can go on from one another."""
    flow.topics.make(flow.input)
    for step, processes in enumerate((1, 3, 2), start=1):
        flow.topics.send(flow.input, records(range(1_000 * (step - 1), 1_000 * step)))
        with pods(flow, processes, free_ports[0]) as cluster:
            wanted = f"report: {step},000 logins"
            wait_until(lambda: wanted in texts(cluster), wanted)  # noqa: B023
            assert "reading again" not in texts(cluster)
            drain(cluster)
        assert [bool(list(pod.state.glob("part-*"))) for pod in cluster] == [
            number == 0 for number in range(processes)
        ]
    assert numbers(flow.outputs()) == list(range(3_000))


def test_the_security_flow_is_a_cluster_of_one(flow: Flow, free_ports: list[int]) -> None:
    """With what its pod sets: it takes snapshots, drains, and goes on from its volume."""
    environment = _of_the_security_pod(free_ports[0])
    flow.settings["METRICS_PORT"] = str(free_ports[1])
    first, second, third = (spray(START + number * 600, users=60) for number in range(3))
    flow.topics.make(flow.output, 1)
    for written, logins in enumerate((first + second, third), start=1):
        flow.topics.send(flow.output, [record(one, 0) for one in logins])
        with pods(flow, 1, free_ports[0], **environment) as [pod]:
            wait_until(lambda: len(alerts(flow)) == written, f"alerts: {texts([pod])}")  # noqa: B023
            wait_until(lambda: pod.last_snapshot() > 0, "a snapshot")
            drain([pod])
        assert "reading again" not in texts([pod])
    assert [alert.count for _, alert in alerts(flow)] == [60, 60]


def _of_the_security_pod(port: int) -> dict[str, str]:
    """Return what the manifest sets, on a port that is free here."""
    file = PROJECT / "deploy" / "kubernetes" / "security" / "statefulset.yaml"
    pods = YAML(typ="safe").load(file)
    [container] = pods["spec"]["template"]["spec"]["containers"]
    found = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    return {
        **found,
        "NAME": f"{pods['metadata']['name']}-0",
        "ADDRESSES": found["ADDRESSES"].replace("210%d", str(port)),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only 127.0.0.1 is this machine")
def test_each_pod_tells_on_the_same_port_whether_it_is_well(
    flow: Flow, free_ports: list[int]
) -> None:
    """All live and are ready, though nothing comes in; the one with the state takes snapshots."""
    flow.topics.make(flow.input)
    flow.settings["METRICS_PORT"] = str(free_ports[1])
    with pods(flow, 2, free_ports[0]) as cluster:
        for pod in cluster:
            wait_until(lambda: pod.ask("/ready") == (200, "ready\n"), "it is ready", 60)  # noqa: B023
            assert pod.ask("/live") == (200, "live\n")
        keeper, other = cluster
        taken = wait_until(keeper.last_snapshot, "a snapshot")
        wait_until(lambda: keeper.last_snapshot() > taken, "another one")
        assert math.isnan(other.last_snapshot())
        drain(cluster)


def test_make_cluster_restarts_rescales_and_drains(flow: Flow, free_ports: list[int]) -> None:
    """One is killed and all come back; a rescale drains and goes on; SIGTERM ends all in order."""
    flow.topics.make(flow.input)
    folder = flow.folder / "cluster"
    command = [sys.executable, "-m", "cluster", f"--folder={folder}"]
    command += [f"--addresses=127.0.1.%d:{free_ports[0]}"]
    log = flow.folder / "cluster.log"
    with log.open("wb") as output:
        supervisor = start_process(
            [*command, "2"], cwd=PROJECT, env=flow.environment(), stdout=output, stderr=output
        )
    try:
        flow.topics.send(flow.input, records(range(1_000)))
        wait_until(lambda: "report: 1,000 logins" in log.read_text(), "the report")
        kill_one(supervisor.pid)
        flow.topics.send(flow.input, records(range(1_000, 2_000)))
        wait_until(lambda: "report: 2,000 logins" in log.read_text(), "the report")
        assert re.search(r"a process ended \(\d+: (-9|1), \d+: (-9|1)\)", log.read_text())
        subprocess.run([*command, "3", "--rescale"], cwd=PROJECT, check=True)
        wait_until(lambda: "starting 3 processes" in log.read_text(), "three")
        flow.topics.send(flow.input, records(range(2_000, 3_000)))
        wait_until(lambda: "report: 3,000 logins" in log.read_text(), "the report")
        supervisor.terminate()
        assert supervisor.wait(120) == 0
    finally:
        supervisor.terminate()
        supervisor.wait(120)
    assert log.read_text().count("a process ended") == 1
    assert numbers(flow.outputs()) == list(range(3_000))
    again = subprocess.run([*command, "3", "--rescale"], cwd=PROJECT, check=False)
    assert again.returncode == 1, "none runs any more"


def test_a_killed_supervisor_takes_its_cluster_along(flow: Flow, free_ports: list[int]) -> None:
    """All processes drain, and the next cluster goes on from where they were."""
    flow.topics.make(flow.input)
    folder = flow.folder / "cluster"
    command = [sys.executable, "-m", "cluster", f"--folder={folder}", "2"]
    command += [f"--addresses=127.0.1.%d:{free_ports[0]}"]
    log = flow.folder / "cluster.log"
    for run, end in enumerate((signal.SIGKILL, signal.SIGHUP)):
        flow.topics.send(flow.input, records(range(1_000 * run, 1_000 * run + 1_000)))
        with log.open("ab") as output:
            supervisor = start_process(
                command, cwd=PROJECT, env=flow.environment(), stdout=output, stderr=output
            )
        try:
            report = f"report: {run + 1},000 logins"
            wait_until(lambda: report in log.read_text(), report)  # noqa: B023
        finally:
            supervisor.send_signal(end)
            status = supervisor.wait(120)
    assert status == 0
    assert log.read_text().count("stopping") == 4
    assert "reading again" not in log.read_text()
    assert "killing it" not in log.read_text()
    assert numbers(flow.outputs()) == list(range(2_000))


def texts(cluster: list[Pod]) -> str:
    """Return what all processes have printed."""
    return "".join(pod.log.read_text() for pod in cluster)


def drain(cluster: list[Pod]) -> None:
    """Stop all in order."""
    for pod in cluster:
        pod.process.terminate()
    assert [pod.process.wait(120) for pod in cluster] == [0] * len(cluster), texts(cluster)


def snapshots(folder: Path, run: int) -> int:
    """Return of how many input partitions a run, the first being 0, has whole snapshots."""
    store = f"{(folder / 'part-0.sqlite3').as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(store, uri=True)) as connection:
            [(found,)] = connection.execute(WHOLE_SNAPSHOTS, (run,))
    except sqlite3.OperationalError:  # not there yet
        return 0
    return int(found)


def kill_one(supervisor: int) -> None:
    """End one process of a cluster with kill -9."""
    psutil.Process(supervisor).children()[0].kill()
