"""A coverage-guided fuzzer for what becomes of a record's bytes.

    python -m tests.fuzz.decode -max_total_time=60

Options are libFuzzer's. What it finds on its way goes to .local/fuzz, so that the next run goes on
from there; an input that breaks something is written to the working directory as `crash-...`: move
it into tests/fuzz/corpus, where every test run replays it.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["operators", "models", "ipaddress"]):
    from tests.fuzz.invariants import check
    from tests.fuzz.seeds import write_seeds

__all__ = ["main"]

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path(".local/fuzz")
LONGEST = 2_048  # bytes: a field may have 1,024, and JSON's escapes are six for one
DICTIONARY = Path(__file__).parent / "json.dict"


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    write_seeds(FOUND)
    options = [f"-max_len={LONGEST}", f"-dict={DICTIONARY}", *arguments]
    atheris.Setup([sys.argv[0], *options, str(FOUND), str(CORPUS)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
