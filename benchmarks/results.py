"""What was measured, with all that it depends on, as a file that can be compared later."""

import json
import os
import platform
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import confluent_kafka

from benchmarks.bench import Run
from benchmarks.table import Figures
from local_kafka.jars import KAFKA_VERSION

__all__ = ["FOLDER", "machine", "write"]

FOLDER = Path(__file__).parent / "results"
PACKAGES = ("bytewax", "confluent-kafka", "kafka-python", "msgspec", "datasketches")
CPU_INFO = Path("/proc/cpuinfo")


def machine() -> dict[str, Any]:
    """Return what the figures depend on besides the code."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        # How it was built, PGO and LTO above all, is worth a quarter. Distributions optimise theirs
        # without a word in the options, so it takes both to tell.
        "python_interpreter": str(Path(sys.executable).resolve()),
        "python_config_args": sysconfig.get_config_var("CONFIG_ARGS") or "",
        "kafka": KAFKA_VERSION,
        "librdkafka": confluent_kafka.libversion()[0],
        **{package: version(package) for package in PACKAGES},
    }


def _cpu() -> str:
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def write(
    name: str,
    found: Sequence[Figures],
    runs: Sequence[Run],
    skipped: Mapping[str, str],
    folder: Path = FOLDER,
) -> Path:
    """Write a bench's results as JSON and return the file.

    Args:
        name: begins the file's name; the date follows.
        found: a contender's figures each.
        runs: every run that was counted.
        skipped: why others were not, by name.
        folder: where to; made if missing.
    """
    about = machine()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{about['date'][:10]}.json"
    document = {
        "machine": about,
        "figures": [asdict(one) for one in found],
        "runs": [asdict(run) for run in runs],
        "skipped": dict(skipped),
    }
    file.write_text(json.dumps(document, indent=1) + "\n")
    return file
