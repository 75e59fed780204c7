"""What contenders need beyond the project's own packages: built once, under .local/."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

__all__ = ["MissingError", "java_class_path", "quix_python"]

HERE = Path(__file__).parent
BUILT = HERE.parent / ".local" / "benchmarks-built"
DONE = "done"  # written last: what lacks it is built again
BUILD_SECONDS = 600.0  # for a hundred megabytes over a slow line
LONGEST_LINE = 200


class MissingError(Exception):
    """Something can't be had here; the text says what."""


@cache
def quix_python() -> Path:
    """Return the interpreter of an environment with Quix Streams.

    Raises:
        MissingError: pip can't install it.
    """
    folder = BUILT / "quix"
    python = folder / "bin" / "python"
    if not (folder / DONE).exists():
        requirements = str(HERE / "requirements-quix.txt")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        _run([str(python), "-m", "pip", "install", "-q", "-r", requirements])
        (folder / DONE).touch()
    return python


@cache
def java_class_path(project: str) -> str:
    """Compile a folder of benchmarks/java, and return its class path.

    Raises:
        MissingError: there is no JDK, no Maven, or a jar can't be downloaded.
    """
    missing = [tool for tool in ("javac", "mvn") if shutil.which(tool) is None]
    if missing:
        raise MissingError(f"no {' and no '.join(missing)} here")
    source, folder = HERE / "java" / project, BUILT / project
    jars, classes = folder / "jars", folder / "classes"
    if not (folder / DONE).exists():
        copy = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        _run(["mvn", "-q", "-f", str(source), *copy, f"-DoutputDirectory={jars}"])
        (folder / DONE).touch()
    files = sorted(map(str, (*source.glob("*.java"), *(HERE / "java" / "common").glob("*.java"))))
    _run(["javac", "-d", str(classes), "-cp", f"{jars}/*", *files])
    return f"{classes}:{jars}/*"


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # our own commands
            command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise MissingError(f"{command[0]} took over {BUILD_SECONDS:.0f} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        raise MissingError(f"{Path(command[0]).name} failed: {said[0][:LONGEST_LINE]}")
