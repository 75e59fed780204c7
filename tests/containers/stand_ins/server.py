"""Runs ZooKeeper or Kafka with the environment variables that Confluent's images take.

    python server.py zookeeper|kafka

KAFKA_LOG_RETENTION_MS becomes log.retention.ms; ZOOKEEPER_CLIENT_PORT becomes clientPort.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

JAVA = ("java", "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
PROPERTIES = Path("/tmp/server.properties")  # noqa: S108  # the container's own
ZOOKEEPER_FOLDERS = {
    "dataDir": "/var/lib/zookeeper/data",
    "dataLogDir": "/var/lib/zookeeper/log",
    "admin.enableServer": "false",  # its web server isn't among the jars
}


def main(server: str) -> None:
    """Write the properties and become the server."""
    if server == "zookeeper":
        properties = ZOOKEEPER_FOLDERS | settings("ZOOKEEPER_", camel_case)
        program = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
    else:
        properties = {"log.dirs": "/var/lib/kafka/data"} | settings("KAFKA_", dotted)
        program = "kafka.Kafka"
    PROPERTIES.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    if "process.roles" in properties:
        format_storage()
    os.execvp(JAVA[0], [*JAVA, program, str(PROPERTIES)])  # the program is our own


def settings(prefix: str, property_name: Callable[[str], str]) -> dict[str, str]:
    """Return the properties that environment variables with this prefix stand for."""
    return {
        property_name(name.removeprefix(prefix)): value
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }


def camel_case(name: str) -> str:
    """Return clientPort for CLIENT_PORT."""
    first, *others = name.lower().split("_")
    return first + "".join(word.capitalize() for word in others)


def dotted(name: str) -> str:
    """Return broker.id for BROKER_ID."""
    return name.lower().replace("_", ".")


def format_storage() -> None:
    """Prepare the data folder for a broker that keeps its own quorum, unless it is."""
    command = ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
    cluster = ["--cluster-id", os.environ["CLUSTER_ID"], "--config", str(PROPERTIES)]
    subprocess.run([*JAVA, *command, *cluster], check=True)  # the program is our own


if __name__ == "__main__":
    main(sys.argv[1])
