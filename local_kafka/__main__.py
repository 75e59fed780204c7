"""`python -m local_kafka`: a broker in the foreground, until Ctrl-C.

python -m local_kafka [--port 29092] [--data-dir .local/kafka]
python -m local_kafka --download-only
"""

import argparse
import sys
from pathlib import Path

from local_kafka.broker import LocalKafka
from local_kafka.errors import LocalKafkaError
from local_kafka.jars import class_path
from signals import interrupt_once, stop_with_make
from supervision.lines import say

PORT = 29_092  # where KAFKA_BOOTSTRAP_SERVERS looks by default


def main() -> int:
    """Run a broker until it is told to stop, and return the exit status."""
    parser = argparse.ArgumentParser("python -m local_kafka", description=main.__doc__)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--data-dir", type=Path, default=Path(".local/kafka"))
    parser.add_argument("--download-only", action="store_true", help="fetch Apache Kafka, and end")
    options = parser.parse_args()
    interrupt_once()
    stop_with_make()
    try:
        if options.download_only:
            class_path(say)
            return say("local Kafka: all that a start needs is here")
        return _run(LocalKafka(options.data_dir, options.port))
    except LocalKafkaError as error:
        return say(str(error), status=1)
    except KeyboardInterrupt:
        return say("local Kafka: stopped")


def _run(kafka: LocalKafka) -> int:
    try:
        kafka.start(say)
        kafka.wait()
        return say(f"local Kafka ended by itself: see {kafka.log_file}", status=1)
    finally:
        kafka.stop()


if __name__ == "__main__":
    sys.exit(main())
