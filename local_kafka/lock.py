"""`python -m local_kafka.lock`: write jars.lock anew, after a version here or in jars.py changed.

It needs a network, and is the only part that resolves what depends on what.
"""

import jgo
from jgo.maven import Artifact

from local_kafka.jars import KAFKA_VERSION, LOCK_FILE, LockedJar

KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Kafka logs through slf4j 1.7; this binds it to the log4j that Kafka brings, in the same version.
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"


def main() -> None:
    """Resolve, download and hash the jars."""
    # Resolved together, jgo would pick kafka-clients of another version, and nothing would start.
    artifacts = [*jgo.resolve(KAFKA), jgo.resolve(LOG_BINDING)[0]]
    LOCK_FILE.write_text("".join(f"{_locked(artifact)}\n" for artifact in artifacts))


def _locked(artifact: Artifact) -> LockedJar:
    coordinates = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return LockedJar.of(artifact.resolve(), coordinates)


if __name__ == "__main__":
    main()
