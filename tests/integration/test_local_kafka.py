"""The local Kafka: starts offline, keeps its data, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from jgo.config import GlobalSettings

from local_kafka import LocalKafka, LocalKafkaError, broker, jars
from local_kafka.ports import answers
from tests.support.flow import PROJECT
from tests.support.java import FOLDER as CACHES
from tests.support.ports import unused_port
from tests.support.processes import start_process
from tests.support.topics import Topics
from tests.support.waiting import wait_until

CLOSED_PORT = 9  # nothing listens there, so as a proxy it cuts every way to the network
OFFLINE = {
    "http_proxy": f"http://127.0.0.1:{CLOSED_PORT}",
    "https_proxy": f"http://127.0.0.1:{CLOSED_PORT}",
    "no_proxy": "",
}
END_SECONDS = 60.0  # of a broker whose owner was killed: it flushes and closes its files first


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker that a test may kill."""
    with LocalKafka(tmp_path / "kafka") as started:
        yield started


def test_data_and_address_survive_kill_9(own_kafka: LocalKafka) -> None:
    """Killed and started again, the broker is where it was and has what it had."""
    servers = own_kafka.bootstrap_servers
    topics = Topics(servers)
    topics.make("kept")
    topics.send("kept", [{"value": b"a"}, {"value": b"b"}])
    for _ in range(2):
        killed = psutil.Process(own_kafka.pid)
        own_kafka.kill()
        assert not killed.is_running()
        own_kafka.start()
    assert own_kafka.bootstrap_servers == servers
    assert sorted(record.value for record in topics.read("kept")) == [b"a", b"b"]


def test_it_starts_again_after_it_ended_by_itself(own_kafka: LocalKafka) -> None:
    """A broker that somebody else killed can be started like a new one."""
    os.kill(own_kafka.pid, signal.SIGKILL)
    wait_until(own_kafka.ended, "the broker is gone")
    own_kafka.start()
    assert answers(port_of(own_kafka))


def test_it_listens_on_loopback_only(kafka: LocalKafka) -> None:
    """Nobody on the network can reach a broker that has no password."""
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(kafka.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2, "broker and controller"
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_a_port_is_never_one_of_an_outgoing_connection(kafka: LocalKafka) -> None:
    """A chosen port can't be given to a client while the broker is down."""
    assert 1_024 < port_of(kafka) < 32_768


def test_the_terminal_does_not_reach_it(kafka: LocalKafka) -> None:
    """A Ctrl-C goes to the terminal's process group, and the broker isn't in it."""
    assert os.getpgid(kafka.pid) != os.getpgid(0)


def test_it_shares_the_cores_with_its_clients(kafka: LocalKafka) -> None:
    """Linux shares them out by session first; a broker in one of its own was seen to get none."""
    assert os.getsid(kafka.pid) == os.getsid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has mapped")
def test_the_tests_brokers_find_their_classes_linked(kafka: LocalKafka) -> None:
    """Half of a start's processor time would go into linking them, some fifty times in a run."""
    if "-XX:AOTCache" not in os.environ["JDK_JAVA_OPTIONS"]:
        pytest.skip("Java has options of your own: JDK_JAVA_OPTIONS")
    assert f"{CACHES.relative_to(PROJECT)}/" in Path(f"/proc/{kafka.pid}/maps").read_text()


def test_stop_leaves_no_process(own_kafka: LocalKafka) -> None:
    """After a stop broker and guardian are gone, also when it was paused."""
    processes = family(own_kafka)
    own_kafka.pause()
    own_kafka.stop()
    assert not [process for process in processes if process.is_running()]
    own_kafka.stop()  # a second one does nothing


def test_a_paused_broker_answers_when_resumed(own_kafka: LocalKafka) -> None:
    """Paused it answers nobody; resumed it goes on where it was."""
    own_kafka.pause()
    wait_until(lambda: status_of(own_kafka) == psutil.STATUS_STOPPED, "it stands still")
    assert not answers(port_of(own_kafka))
    own_kafka.resume()
    wait_until(lambda: answers(port_of(own_kafka)), "an answer")


def test_signals_before_a_start_reach_nobody(tmp_path: Path) -> None:
    """What was not started can't be paused or asked for its process; to end it is not an error."""
    never = LocalKafka(tmp_path)
    never.kill()
    never.stop()
    for use in (never.pause, never.resume, lambda: never.pid):
        with pytest.raises(LocalKafkaError, match="not started"):
            use()


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_it_ends_with_a_killed_parent(tmp_path: Path, paused: bool) -> None:
    """A parent that is killed with kill -9 takes the broker along, and a new one can follow."""
    port = unused_port()
    owner = (
        "import pathlib, local_kafka\n"
        f"kafka = local_kafka.LocalKafka(pathlib.Path({str(tmp_path)!r}), {port})\n"
        "kafka.start()\n"
        "print(kafka.pid, flush=True)\n"
        "kafka.wait()\n"
    )
    with python("-c", owner) as parent:
        assert parent.stdout
        java = psutil.Process(int(parent.stdout.readline()))
        if paused:
            java.suspend()
        parent.kill()
    wait_until(lambda: not java.is_running(), "the broker ends", END_SECONDS)
    with LocalKafka(tmp_path, port) as successor:
        assert answers(port_of(successor))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_ends_with_a_killed_guardian(own_kafka: LocalKafka) -> None:
    """When even the guardian is killed, the system ends the broker."""
    java, guardian = family(own_kafka)
    guardian.kill()
    wait_until(lambda: not java.is_running(), "the broker ends", END_SECONDS)


def test_two_in_one_folder_are_refused(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second broker on the same data is refused with a line that names the folder."""
    monkeypatch.setattr(broker, "PREDECESSOR_SECONDS", 0.1)
    second = LocalKafka(kafka.log_file.parent)
    with pytest.raises(LocalKafkaError, match="another local Kafka uses"):
        second.start()
    with pytest.raises(LocalKafkaError, match="runs already"):
        kafka.start()
    assert answers(port_of(kafka))


def test_a_port_in_use_is_one_clear_line(kafka: LocalKafka, tmp_path: Path) -> None:
    """The command says which port is taken and what to do, and exits with 1."""
    port = port_of(kafka)
    done = run("-m", "local_kafka", "--port", str(port), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert f"port {port} can't be used" in line


def test_a_wrong_property_is_one_clear_line(tmp_path: Path) -> None:
    """What Kafka says about it, and where its log is, are in one line."""
    wrong = LocalKafka(tmp_path, properties={"num.io.threads": "none"})
    with pytest.raises(LocalKafkaError, match=r"its log is .*kafka\.log; .*num\.io\.threads") as it:
        wrong.start()
    assert "\n" not in str(it.value)
    assert wrong.ended()


def test_a_broker_that_ends_at_its_start_is_one_clear_line(tmp_path: Path) -> None:
    """Data that belong to another node end the start at once, not at its deadline."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")
    wrong = LocalKafka(tmp_path)
    with pytest.raises(LocalKafkaError, match=r"ended while it started; .*node id 7") as it:
        wrong.start()
    assert "\n" not in str(it.value)
    assert wrong.ended()


def test_a_broker_that_never_answers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the deadline the start fails, and the broker isn't left running."""
    monkeypatch.setattr(broker, "START_SECONDS", 0.1)
    monkeypatch.setattr(broker, "answers", lambda _port: False)
    silent = LocalKafka(tmp_path)
    with pytest.raises(LocalKafkaError, match="did not answer within"):
        silent.start()
    assert silent.ended()


def test_the_path_of_its_folder_may_hold_anything(tmp_path: Path) -> None:
    """Blanks, commas and other signs in the folder's path do no harm, and properties are kept."""
    folder = tmp_path / "a b,c=d%20"
    with LocalKafka(folder, properties={"broker.rack": "Köln\\1"}) as started:
        assert answers(port_of(started))
    assert "broker.rack = Köln\\1" in started.log_file.read_text()


@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGINT], ids=["SIGHUP", "SIGINT"])
def test_the_command_runs_until_a_signal(tmp_path: Path, signum: signal.Signals) -> None:
    """`python -m local_kafka` answers without a network, and on a signal ends with status 0."""
    port = unused_port()
    with python("-m", "local_kafka", "--port", str(port), "--data-dir", str(tmp_path)) as process:
        assert process.stderr
        lines = iter(process.stderr.readline, "")
        assert any(f"ready on 127.0.0.1:{port} in" in line for line in lines)
        assert answers(port)
        process.send_signal(signum)
        assert process.wait(120) == 0
    assert not answers(port)


def test_with_the_jars_here_nothing_is_downloaded() -> None:
    """The same offline environment that fails the next test is enough once the jars are here."""
    jars.class_path(print)
    done = run("-m", "local_kafka", "--download-only")
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert "all that a start needs is here" in line


def test_without_jars_and_network_one_line_says_so(tmp_path: Path) -> None:
    """The command says what is missing and what to do, names no host, and exits with 1."""
    done = run("-m", "local_kafka", "--data-dir", str(tmp_path), M2_REPO=str(tmp_path / "m2"))
    assert done.returncode == 1
    announced, line = done.stderr.splitlines()
    assert "downloading Apache Kafka" in announced
    assert "is there a network?" in line
    assert "http" not in line


def test_a_damaged_jar_is_not_used(tmp_path: Path) -> None:
    """A jar that a broken download cut short is fetched again instead of put on the class path."""
    for jar in jars.class_path(print):
        copy = tmp_path / jar.relative_to(GlobalSettings.load().repo_cache)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(jar)
    assert run("-m", "local_kafka", "--download-only", M2_REPO=str(tmp_path)).returncode == 0
    copy.unlink()
    copy.write_bytes(jar.read_bytes()[:-1])
    done = run("-m", "local_kafka", "--download-only", M2_REPO=str(tmp_path))
    assert done.returncode == 1
    assert "can't download org.apache.logging.log4j:log4j-slf4j-impl" in done.stderr


def port_of(kafka: LocalKafka) -> int:
    """Return the port that clients use."""
    return int(kafka.bootstrap_servers.rpartition(":")[2])


def status_of(kafka: LocalKafka) -> str:
    """Return how the system sees the broker."""
    return str(psutil.Process(kafka.pid).status())


def family(kafka: LocalKafka) -> list[psutil.Process]:
    """Return the broker's process and its guardian's."""
    java = psutil.Process(kafka.pid)
    guardian = java.parent()
    assert guardian
    assert guardian.pid != os.getpid()
    return [java, guardian]


def python(*arguments: str, **settings: str) -> "subprocess.Popen[str]":
    """Start Python in the project's folder, without any way to a network."""
    return start_process(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, **OFFLINE, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run Python like that to its end."""
    with python(*arguments, **settings) as process:
        stdout, stderr = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)
