"""`make run`: local Kafka, sample logins, both flows and the live page.

    python -m quickstart [--port 29092]

With KAFKA_BOOTSTRAP_SERVERS set, that Kafka is used instead, and gets no sample logins and no
security flow. State stays in .local, so the next run goes on where this one ended.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from connectors.stopping import LEFT_UNREAD_STATUS
from dataflows.new_folder import make_recovery_folder
from local_kafka import LocalKafka, LocalKafkaError
from settings import Settings, load_settings
from signals import interrupt_once, stop_with_make
from supervision.folder import FolderInUseError, own_folder
from supervision.guarded import GuardedProcess
from supervision.lines import say
from terminal.pinned import RELEASE, PinnedLines

LOCAL = Path(".local")
KAFKA_PORT = 29_092  # where KAFKA_BOOTSTRAP_SERVERS looks by default
LOGINS_PER_SECOND = 20  # a report every five seconds, and an hour of history is sent in seconds
HISTORY_SECONDS = 3_600  # fills the live page's first look
# Java's first compiler alone: its second takes a third of the broker's processor time at the start,
# and pays off with thousands of logins per second only.
QUICK_START = "-XX:TieredStopAtLevel=1"
STOP_SECONDS = 15.0  # the flow drains within 10 s; after this it is stuck, and ended
PREDECESSOR_SECONDS = STOP_SECONDS + 5.0  # by then what a killed run left has ended
WATCH_SECONDS = 1.0  # how soon it is told that another part than the flow has ended
# The security flow is started with the login flow, and waits for the topic that that one makes.
SECURITY_WAIT_SECONDS = 120
RESTART_SECONDS = 2.0  # rest before a restart, so that a fault that stays doesn't spin
HEALTHY_SECONDS = 30.0  # a flow that ran this long did start
RESTARTS = 3  # in a row without such a run: then the fault stays, and a person has to look


def main() -> int:
    """Start all parts in order, watch the flow, and end them in the opposite order."""
    parser = argparse.ArgumentParser("python -m quickstart", description=main.__doc__)
    parser.add_argument("--port", type=int, default=KAFKA_PORT, help="of the local Kafka")
    port = parser.parse_args().port
    settings = load_settings()
    interrupt_once()
    stop_with_make()
    try:
        with ExitStack() as parts:
            try:
                return _run(parts, port, settings)
            except KeyboardInterrupt:
                return say("stopping all parts; run it again to resume")
    except (FolderInUseError, LocalKafkaError, _FlowFailedError) as error:
        return say(str(error), status=1)  # when all parts have ended, so that it's the last line


class _FlowFailedError(Exception):
    """The flow ends again and again; the text says so."""


def _run(parts: ExitStack, port: int, settings: Settings) -> int:
    """Start the parts, and return when the flow has ended."""
    lock = parts.enter_context(own_folder(LOCAL, PREDECESSOR_SECONDS))
    beside = {}
    if "kafka_bootstrap_servers" in settings.model_fields_set:
        say(f"using Kafka at {settings.kafka_bootstrap_servers}; sending no sample logins")
    else:
        kafka = parts.enter_context(_kafka(port))
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
        sample = ("--rate", str(LOGINS_PER_SECOND), "--history", str(HISTORY_SECONDS))
        beside["producer"] = parts.enter_context(_running(lock, "producer", *sample))
        beside["security flow"] = parts.enter_context(_security(lock, settings))
    # It says where it is once it serves.
    beside["live page"] = parts.enter_context(_running(lock, "dashboard"))
    return _supervise(lock, beside)


@contextmanager
def _kafka(port: int) -> Iterator[LocalKafka]:
    os.environ.setdefault("JDK_JAVA_OPTIONS", QUICK_START)
    kafka = LocalKafka(LOCAL / "kafka", port)
    try:
        kafka.start(say)
        yield kafka
    finally:
        kafka.stop()


def _running(lock: int, module: str, *arguments: str, **settings: str) -> GuardedProcess:
    """Run a module of this project, with further settings, for as long as this process lives."""
    command = [sys.executable, "-m", module, *arguments]
    environment = os.environ | settings
    return GuardedProcess(command, STOP_SECONDS, pass_fds=[lock], env=environment)


def _security(lock: int, settings: Settings) -> GuardedProcess:
    recovery = _recovery_folder("security")
    own = security_settings(settings)
    return _running(lock, "bytewax.run", "dataflows.security", *recovery, **own)


def security_settings(settings: Settings) -> dict[str, str]:
    """Return what the security flow sets differently from the login flow beside it."""
    own = {"BROKER_WAIT_SECONDS": str(max(SECURITY_WAIT_SECONDS, settings.broker_wait_seconds))}
    if settings.metrics_port is not None:
        own["METRICS_PORT"] = str(settings.metrics_port + 1)
    return own


def _supervise(lock: int, beside: dict[str, GuardedProcess]) -> int:
    """Run the flow, and run it again when it fails: it resumes from its recovery state.

    Raises:
        _FlowFailedError: it doesn't stay up.
    """
    recovery = _recovery_folder("recovery")
    failures = 0
    while True:
        started = time.monotonic()
        try:
            with _running(lock, "bytewax.run", "dataflows.login", *recovery) as flow:
                status = wait_for_the_flow(flow, beside)
        finally:
            _give_back_the_terminal()
        if status in (0, LEFT_UNREAD_STATUS):
            return status
        healthy = time.monotonic() - started > HEALTHY_SECONDS
        failures = 1 if healthy else failures + 1
        if failures == RESTARTS:
            raise _FlowFailedError(
                f"the flow failed {RESTARTS} times in a row: its last line says why"
            )
        say(f"the flow ended with status {status}: starting it again")
        time.sleep(RESTART_SECONDS)


def wait_for_the_flow(
    flow: GuardedProcess,
    beside: dict[str, GuardedProcess],
    warn: Callable[[str], object] = say,
) -> int:
    """Return the flow's exit status when it has ended, and report other parts that end before it.

    Args:
        flow: what is waited for.
        beside: other parts by name; those that have ended are taken out.
        warn: prints a line.
    """
    while True:
        try:
            return flow.wait(WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            for name in [name for name, part in beside.items() if part.poll() is not None]:
                status = beside.pop(name).poll()
                warn(f"the {name} ended with status {status}; the other parts continue without it")


def _give_back_the_terminal() -> None:
    """Have the whole screen scroll again: a flow that was killed couldn't."""
    if PinnedLines.possible(sys.stdout):
        print(RELEASE, end="", flush=True)


def _recovery_folder(name: str) -> list[str]:
    """Make a recovery folder if there is none, and return a flow's options for it."""
    folder = LOCAL / name
    if not list(folder.glob("part-*.sqlite3")):
        make_recovery_folder(folder)
    return ["-r", str(folder), "-s", "1", "-b", "0"]


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    raise SystemExit(main())
