"""`make run`: local Kafka, sample logins, the live page and the flow, which prints its report.

    python -m quickstart [--port 29092]

With KAFKA_BOOTSTRAP_SERVERS set, that Kafka is used instead, and no sample logins are sent there.
State stays in .local, so the next run goes on where this one ended.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
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

LOCAL = Path(".local")
KAFKA_PORT = 29_092  # where KAFKA_BOOTSTRAP_SERVERS looks by default
LOGINS_A_SECOND = 50  # a report every two seconds: lively, and still readable
# Java's first compiler alone: its second takes a third of the broker's processor time at the start,
# and pays off with thousands of logins per second only.
QUICK_START = "-XX:TieredStopAtLevel=1"
STOP_SECONDS = 15.0  # the flow drains within 10 s; after this it is stuck, and ended
PREDECESSOR_SECONDS = STOP_SECONDS + 5.0  # by then what a killed run left has ended
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
    with ExitStack() as parts:
        try:
            return _run(parts, port, settings)
        except (FolderInUseError, LocalKafkaError) as error:
            return say(str(error), status=1)
        except KeyboardInterrupt:
            return say("stopping all parts; run it again to resume")


def _run(parts: ExitStack, port: int, settings: Settings) -> int:
    """Start the parts, and return when the flow has ended."""
    lock = parts.enter_context(own_folder(LOCAL, PREDECESSOR_SECONDS))
    if "kafka_bootstrap_servers" in settings.model_fields_set:
        say(f"using Kafka at {settings.kafka_bootstrap_servers}; sending no sample logins")
    else:
        kafka = parts.enter_context(_kafka(port))
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
        parts.enter_context(_running(lock, "producer", "--rate", str(LOGINS_A_SECOND)))
    parts.enter_context(_running(lock, "dashboard"))  # it says where it is once it serves
    return _supervise(lock)


@contextmanager
def _kafka(port: int) -> Iterator[LocalKafka]:
    os.environ.setdefault("JDK_JAVA_OPTIONS", QUICK_START)
    kafka = LocalKafka(LOCAL / "kafka", port)
    try:
        kafka.start(say)
        yield kafka
    finally:
        kafka.stop()


def _running(lock: int, module: str, *arguments: str) -> GuardedProcess:
    """Run a module of this project for as long as this process lives."""
    command = [sys.executable, "-m", module, *arguments]
    return GuardedProcess(command, STOP_SECONDS, pass_fds=[lock])


def _supervise(lock: int) -> int:
    """Run the flow, and run it again when it fails: it goes on from its recovery state."""
    recovery = _recovery_folder()
    failures = 0
    while failures < RESTARTS:
        started = time.monotonic()
        with _running(lock, "bytewax.run", "dataflows.login", *recovery) as flow:
            if (status := flow.wait()) in (0, LEFT_UNREAD_STATUS):
                return status
        healthy = time.monotonic() - started > HEALTHY_SECONDS
        failures = 1 if healthy else failures + 1
        say(f"the flow ended with status {status}: starting it again")
        time.sleep(RESTART_SECONDS)
    return say(f"the flow failed {RESTARTS} times in a row: see its last line above", status=1)


def _recovery_folder() -> list[str]:
    """Make the recovery folder if there is none, and return the flow's options for it."""
    folder = LOCAL / "recovery"
    if not list(folder.glob("part-*.sqlite3")):
        make_recovery_folder(folder)
    return ["-r", str(folder), "-s", "1", "-b", "0"]


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    raise SystemExit(main())
