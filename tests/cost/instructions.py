"""Instructions that a piece of work executes, counted by Valgrind.

A count is the same whatever else runs on the machine; processor time isn't. Cachegrind without its
cache simulation counts fastest (https://valgrind.org/docs/manual/cg-manual.html).
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.support.debian import find_or_install
from tests.support.flow import PROJECT

__all__ = ["instructions"]

COUNT_SECONDS = 300  # it takes 6 on an idle machine
# Otherwise dictionaries collide now more and now less, and the threads that numpy starts on import,
# though nothing uses them, spin for a while.
REPEATABLE = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
_refs = re.compile(r"I +refs: +([0-9,]+)").search


def instructions(*works: str) -> list[int]:
    """Return how many instructions a process takes for each work of `tests.cost.work`."""
    valgrind = find_or_install(lambda: shutil.which("valgrind"), "valgrind")
    counter = [valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    _run([], "nothing")  # compiles what is new, which none of the counts shall hold
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [_counted(text) for text in pool.map(partial(_run, counter), works)]


def _run(counter: Sequence[str], work: str) -> str:
    """Run a piece of work, and return what was printed on standard error."""
    return subprocess.run(
        [*counter, sys.executable, "-m", "tests.cost.work", work],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **REPEATABLE},
        stderr=subprocess.PIPE,
        text=True,
        timeout=COUNT_SECONDS,
        check=True,
    ).stderr


def _counted(printed: str) -> int:
    refs = _refs(printed)
    assert refs, printed
    return int(refs[1].replace(",", ""))
