"""The broker's configuration: one node, small internal topics, loopback only."""

from pathlib import Path

__all__ = ["LOG_CONFIGURATION", "server_properties"]

INTERNAL_PARTITIONS = "4"  # of offsets and transactions: 50 each would double the start's time


def server_properties(listeners: str, data: Path) -> dict[str, str]:
    """Return the lines of server.properties.

    Args:
        listeners: the broker's and the controller's, with a comma between.
        data: the folder for its logs.
    """
    broker, _, controller = listeners.partition(",")
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller.partition('://')[2]}",
        "controller.listener.names": "CONTROLLER",
        "listeners": listeners,
        "advertised.listeners": broker,
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": INTERNAL_PARTITIONS,
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }


LOG_CONFIGURATION = """\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${sys:kafka.log}
appender.file.filePattern = ${sys:kafka.log}.%i
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
