"""The broker's configuration: one node, small internal topics, loopback only.

All names are relative to the data folder, in which the broker runs: so its path may hold anything,
also what a properties file or a list of folders would take for something else.
"""

import json
from collections.abc import Mapping
from pathlib import Path

__all__ = [
    "DATA_FOLDER",
    "JAVA_OUTPUT",
    "LOG_FILE",
    "LOG_OPTION",
    "PROPERTIES_FILE",
    "server_properties",
    "write",
]

PROPERTIES_FILE = "server.properties"
LOG_CONFIGURATION_FILE = "log4j2.properties"
LOG_OPTION = f"-Dlog4j2.configurationFile={LOG_CONFIGURATION_FILE}"
LOG_FILE = "kafka.log"
JAVA_OUTPUT = "java.log"  # what goes around the log: Java's own complaints
DATA_FOLDER = "data"
HEARTBEAT_MS = "250"
INTERNAL_PARTITIONS = "4"  # of offsets and transactions: 50 each would double the start's time


def server_properties(broker: str, controller: str) -> dict[str, str]:
    """Return the lines of server.properties.

    Args:
        broker: host and port that clients use.
        controller: host and port of the node's conversation with itself.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "log.dirs": DATA_FOLDER,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": INTERNAL_PARTITIONS,
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": INTERNAL_PARTITIONS,
        "broker.heartbeat.interval.ms": HEARTBEAT_MS,
        "group.initial.rebalance.delay.ms": "0",
    }


def write(folder: Path, properties: Mapping[str, str]) -> None:
    """Write the broker's files of configuration into the folder."""
    # Java reads such a file as Latin-1 with escapes, and JSON's are among those it knows.
    lines = [f"{name}={json.dumps(value)[1:-1]}\n" for name, value in properties.items()]
    (folder / PROPERTIES_FILE).write_text("".join(lines))
    (folder / LOG_CONFIGURATION_FILE).write_text(LOG_CONFIGURATION)


LOG_CONFIGURATION = f"""\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {LOG_FILE}
appender.file.filePattern = {LOG_FILE}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d] %p %m (%c)%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 1
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""
