"""Where the fuzzer begins: the hostile catalogue, and logins as producers send them."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

from producer.hostile import hostile_messages
from producer.messages import generated_messages
from tests.fuzz.invariants import NOW_MS

LARGEST = 4_096  # bytes of a seed: a fuzzer learns nothing more from a longer one
LOGINS = 12


def write_seeds(folder: Path) -> None:
    """Write a file for each seed, as libFuzzer wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in seeds():
        (folder / re.sub(r"[^a-z0-9]+", "-", name.lower())).write_bytes(value)


def seeds() -> Iterator[tuple[str, bytes]]:
    """Return each seed's name and bytes."""
    for hostile in hostile_messages(NOW_MS // 1000):
        if hostile.value is not None and len(hostile.value) <= LARGEST:
            yield f"hostile-{hostile.name}", hostile.value
    rng = Random(1)  # noqa: S311 - sample data, no secrets
    logins = generated_messages(rng, lambda: NOW_MS // 1000, 0.0)
    for number, login in enumerate(islice(logins, LOGINS)):
        if login.value is not None:
            yield f"login-{number}", login.value
