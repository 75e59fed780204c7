"""Runs pip and uv: what they print goes to a log, and what they fail with becomes one line."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from bootstrap.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["reason", "run", "say", "under_way"]

LINE_EVERY_SECONDS = 5.0  # often enough to see that it goes on, few enough for a slow network
LONGEST_CAUSE = 160  # of which there are three at most; longer ones hold a path or an address
# A large package on its way, as uv names it: "Downloading numpy (16.1MiB)", " Downloaded numpy".
BEGUN = re.compile(r" *Downloading (\S+) (\(\S+\))$")
DONE = re.compile(r" *Downloaded (\S+)$")
# Where pip can't read the index it ends with this, which misleads, after a word on each attempt.
NOTHING_FOUND = "No matching distribution"
ATTEMPT = re.compile(
    r"WARNING: (?:Retrying .* after connection broken by [\"'](.*)[\"']: /|(\d{3} Error.*))"
)
CONNECTION = re.compile(r"^.*<[^<>]* object at 0x[^<>]*>[:,] ")  # how it names its own connection
# How uv begins to tell why it failed, and how Python does below a traceback.
FAILURE = re.compile(r"error: |\N{MULTIPLICATION SIGN} |[\w.]+(?:Error|Exception): ")
ERROR = re.compile(r"^(?:error|ERROR): ")
CAUSE = re.compile(r"^(?:cause|Caused by): *")


def say(line: str) -> None:
    """Print a line of progress."""
    print(f"setup: {line}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path], *, doing: str, environment: Mapping[str, str], log: Path
) -> str:
    """Run a command to its end, and return what it printed.

    Args:
        command: pip or uv, with its arguments.
        doing: what takes so long, for a line now and then.
        environment: the command's own.
        log: gets what the command printed, after what is there.

    Raises:
        SetupError: it can't be started, or it failed; the text is its reason.
    """
    printed: list[str] = []
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(  # noqa: S603  # our own commands
            words,
            stdin=subprocess.DEVNULL,  # nobody sees a question in what is not printed
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=environment,
        )
    except OSError as error:
        raise SetupError(f"{words[0]} can't be started: {error.strerror}") from error
    try:
        _follow(process, printed, doing)
    finally:
        process.kill()  # interrupted; else it has ended
        process.wait()
        with suppress(OSError), log.open("a", encoding="utf-8") as file:
            file.write("\n".join(["$ " + " ".join(words), *printed, ""]))
    if process.returncode:
        raise SetupError(f"{reason(printed)}; all that was printed is in {log}")
    return "\n".join(printed)


def _follow(process: subprocess.Popen[str], printed: list[str], doing: str) -> None:
    """Collect what a process prints, up to its end."""

    def collect(output: IO[str]) -> None:
        printed.extend(line.rstrip() for line in output)

    reader = threading.Thread(target=collect, args=[process.stdout], daemon=True)
    reader.start()
    reader.join(LINE_EVERY_SECONDS)
    while reader.is_alive():
        say(f"still {doing}{under_way(printed)}")
        reader.join(LINE_EVERY_SECONDS)
    process.wait()


def under_way(printed: Sequence[str]) -> str:
    """Return what a line of progress adds: the large packages on their way, or what hinders."""
    begun = [match for match in map(BEGUN.match, printed) if match]
    done = {match[1] for match in map(DONE.match, printed) if match}
    if left := [f"{match[1]} {match[2]}" for match in begun if match[1] not in done]:
        return f": {', '.join(left)}"
    return f": {hindrance}" if (hindrance := _hindrance(printed)) else ""


def reason(printed: Sequence[str]) -> str:
    """Return why a command failed, in one line, from what it printed."""
    lines = [line.strip() for line in printed if line.strip()]
    pip = [line for line in lines if line.startswith("ERROR: ")]
    if pip and NOTHING_FOUND in pip[-1] and (hindrance := _hindrance(printed)):
        return f"the package index can't be read ({_shortened(hindrance)})"
    if pip:
        return _shortened(ERROR.sub("", pip[-1]))
    begin = next((at for at, line in enumerate(lines) if FAILURE.match(line)), -1)
    told = [CAUSE.sub("", line) for line in lines[begin:]] or ["it printed nothing"]
    causes = [*told[:2], *told[2:][-1:]]  # what was tried, on what, and the innermost cause
    return ERROR.sub("", ": ".join(map(_shortened, causes)))


def _shortened(cause: str) -> str:
    """Leave out the middle of a long line: its ends say what was done, and why it failed."""
    half = LONGEST_CAUSE // 2
    return cause if len(cause) <= LONGEST_CAUSE else f"{cause[:half]} ... {cause[-half:]}"


def _hindrance(printed: Sequence[str]) -> str:
    """Return what cut pip's last attempt short, or nothing."""
    attempts = [match[1] or match[2] for match in map(ATTEMPT.match, printed) if match]
    return CONNECTION.sub("", attempts[-1]).strip("')") if attempts else ""
