"""The compose file in real containers; other people's servers are stand-ins."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.containers.compose import Compose
from tests.containers.conftest import Environment
from tests.containers.engine import Engine
from tests.containers.pods import Pods
from tests.support.logins import numbers
from tests.support.waiting import wait_until

APPLICATIONS = ("producer", "processor", "dashboard")
USER = 10001
# Runs in a container: what the kernel says of its first process, and where a file can be written.
RIGHTS = """
import json, os, pathlib
status = dict(line.split(":", 1) for line in open("/proc/1/status"))
def writable(folder):
    try:
        pathlib.Path(folder, "probe").touch()
    except OSError:
        return False
    pathlib.Path(folder, "probe").unlink()
    return True
print(json.dumps({
    "user": int(status["Uid"].split()[0]),
    "capabilities": int(status["CapBnd"], 16) | int(status["CapEff"], 16),
    "no_new_privileges": int(status["NoNewPrivs"]),
    "read_only": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
    "writable": [folder for folder in ("/", "/app", "/venv", "/tmp", "/state") if writable(folder)],
}))
"""


FLOW_MODULES = (
    "dataflows.login, dataflows.security, dlq.__main__, insights.__main__, producer.__main__"
)


@pytest.mark.usefixtures("compose")
@pytest.mark.parametrize(
    ("image", "modules"),
    [("login-processor:local", FLOW_MODULES), ("login-dashboard:local", "dashboard.__main__")],
)
def test_an_image_has_all_that_it_runs(engine: Engine, image: str, modules: str) -> None:
    """Each of its commands finds its files and packages on a read-only file system."""
    options = ["--rm", "--network=none", "--read-only", "--cap-drop=ALL"]
    engine.docker("run", *options, image, "python", "-c", f"import {modules}")


def test_each_service_waits_until_what_it_needs_is_healthy(environment: Environment) -> None:
    """ZooKeeper is healthy before Kafka starts, and Kafka before the applications."""
    events = environment.engine.docker(
        *("events", "--since=1h", f"--until={int(time.time()) + 1}", "--filter=type=container"),
        '--format={{.Status}} {{index .Actor.Attributes "com.docker.compose.service"}}',
    ).splitlines()
    order = [events.index(event) for event in ("health_status: healthy zookeeper", "start kafka")]
    assert order == sorted(order)
    kafka_healthy = events.index("health_status: healthy kafka")
    assert all(events.index(f"start {one}") > kafka_healthy for one in APPLICATIONS)


@pytest.mark.parametrize("service", APPLICATIONS)
def test_an_application_has_no_rights_that_it_does_not_need(
    environment: Environment, service: str
) -> None:
    """Its own user, no capabilities, no way to new ones, and a read-only file system."""
    found = json.loads(environment.compose.execute(service, "python", "-c", RIGHTS))
    # The flow's image declares the volume, so the producer has an empty one too.
    writable = ["/tmp"] if service == "dashboard" else ["/tmp", "/state"]  # noqa: S108
    assert found == {
        "user": USER,
        "capabilities": 0,
        "no_new_privileges": 1,
        "read_only": True,
        "writable": writable,
    }


def test_kafka_zookeeper_and_the_live_page_answer_on_this_machine(environment: Environment) -> None:
    """Each is published at the documented port, and knows of the others."""
    assert "Mode: standalone" in environment.published("ask", "22182", "srvr")
    assert "<title>Logins</title>" in environment.published("get", "http://127.0.0.1:8080")
    environment.compose.wait_until_healthy("dashboard")
    brokers = environment.compose.execute(
        "zookeeper", "java", "org.apache.zookeeper.ZooKeeperMain", "ls", "/brokers/ids"
    )
    assert "[1]" in brokers, "Kafka is registered with ZooKeeper"


def test_stop_drains_and_up_resumes(environment: Environment) -> None:
    """The processor ends with status 0 on `stop`, and continues from its volume."""
    compose = environment.compose
    compose.run("stop", "processor")
    state = compose.state("processor")["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False), compose.log("processor")
    assert "final report: " in compose.log("processor")
    compose.run("up", "-d")
    environment.wait_for_more_outputs()
    assert "reading again to rebuild it" not in compose.log("processor")


def test_a_second_processor_is_refused_with_one_line(environment: Environment) -> None:
    """`--scale processor=2`: the second one says that the folder is in use; the first continues."""
    compose = environment.compose
    compose.run("up", "-d", "--scale", "processor=2")
    compose.wait_for_log("processor", "another process is using this recovery folder", number=2)
    assert all(line.startswith("-r /state: ") for line in compose.log("processor", 2).splitlines())
    compose.run("up", "-d", "--scale", "processor=1")
    state = compose.state("processor")
    assert (state["State"]["Status"], state["RestartCount"]) == ("running", 0)


def test_a_killed_processor_is_restarted_and_each_login_is_written_once(
    environment: Environment,
) -> None:
    """After a kill, all logins that the producer sent are there, none twice."""
    compose = environment.compose
    environment.engine.kill(compose.state("processor")["State"]["Pid"])
    wait_until(lambda: compose.state("processor")["RestartCount"] == 1, "a restart")
    environment.wait_for_more_outputs()
    compose.run("stop", "producer")
    sent = _logins(environment.read("user-login"))
    assert _logins(environment.wait_for_outputs(sent.total())) == sent
    compose.run("start", "producer")


def test_the_security_profile_writes_alerts_and_drains(environment: Environment) -> None:
    """With `--profile security` the flow finds the producer's attack, and stops with status 0."""
    compose = environment.compose
    compose.run("--profile", "security", "up", "-d")
    wait_until(lambda: environment.read("login-alerts"), "an alert", 120)
    assert "password_spray" in {json.loads(one)["kind"] for one in environment.read("login-alerts")}
    compose.run("--profile", "security", "stop", "security")
    assert compose.state("security")["State"]["ExitCode"] == 0, compose.log("security")


def test_the_monitoring_profile_scrapes_the_processor(environment: Environment) -> None:
    """Prometheus starts with the mounted rules, and finds the processor, which is healthy."""
    environment.compose.wait_until_healthy("processor")  # asked every 30 seconds
    environment.compose.run("--profile", "monitoring", "up", "-d", "prometheus")
    query = "http://127.0.0.1:9090/api/v1/query?query=login_processed_total"

    wait_until(
        lambda: '"instance":"processor:9464"' in environment.published("get", query), "metrics"
    )


def test_the_pods_form_a_cluster_and_their_probes_succeed(
    environment: Environment, pods: Pods
) -> None:
    """With the manifests' names, command, settings, rights and volumes they process each login."""
    assert _numbers(environment, 1_000) == list(range(1_000))
    for number in range(2):
        for url in pods.probes(number).values():
            environment.published("get", url)  # fails on another status than 200


def test_all_pods_resume_after_one_was_killed(environment: Environment, pods: Pods) -> None:
    """The other one ends with it; both are restarted, and each login is written once."""
    pods.kill(1)
    for number in range(2):
        wait_until(lambda: pods.state(number)["RestartCount"] > 0, "a restart")  # noqa: B023
    environment.published("logins", "pods-input_topic", "1000", "2000")
    assert _numbers(environment, 2_000) == list(range(2_000))


def test_rescaled_pods_resume_from_the_state(environment: Environment, pods: Pods) -> None:
    """rescale.sh drains two pods and starts three, which share the input and the totals."""
    pods.rescale(3)
    environment.published("logins", "pods-input_topic", "2000", "3000")
    assert _numbers(environment, 3_000) == list(range(3_000))
    wait_until(lambda: "report: 3,000 logins" in pods.log(0), "the totals")
    assert "reading again to rebuild it" not in pods.log(0)


def test_stop_ends_the_applications_with_status_0(environment: Environment) -> None:
    """`stop` without a name ends them before Kafka, and none is killed."""
    compose = environment.compose
    compose.run("stop")
    states = {one: compose.state(one)["State"]["ExitCode"] for one in APPLICATIONS}
    assert states == dict.fromkeys(APPLICATIONS, 0)


def test_kafka_starts_without_zookeeper(
    environment: Environment, engine: Engine, tmp_path: Path
) -> None:
    """The other compose file's Kafka is healthy, and answers at the same published port."""
    environment.compose.run("stop")  # it has the port
    kraft = Compose(engine, "docker-compose.kraft.yml", tmp_path)
    kraft.run("up", "-d", "kafka")
    kraft.wait_until_healthy("kafka")
    environment.published("logins", "any", "0", "100")
    assert len(environment.read("any")) == 100


def _numbers(environment: Environment, count: int) -> list[int]:
    """Return which numbered logins came out of the pods, once there are so many."""
    outputs = environment.wait_for_outputs(count, "pods-output_topic")
    return numbers([json.loads(line) for line in outputs])


def _logins(values: list[str]) -> Counter[tuple[str, int]]:
    """Return how often each login is among the values, by what stays the same in the flow."""
    found = map(json.loads, values)
    return Counter((one["user_id"], int(one["timestamp"])) for one in found)
