"""Every input that the fuzzer begins with, or once broke something with, on every test run."""

from pathlib import Path

import pytest

from operators.batches import Reason, Reject
from operators.decode import decode
from tests.fuzz.invariants import NOW_MS, check
from tests.fuzz.seeds import seeds

CORPUS = Path(__file__).parent / "corpus"
INPUTS = {**dict(seeds()), **{file.name: file.read_bytes() for file in sorted(CORPUS.iterdir())}}


@pytest.mark.parametrize("value", INPUTS.values(), ids=INPUTS)
def test_what_holds_for_any_record_holds_for_the_corpus(value: bytes) -> None:
    """A message of the corpus is a login or a dead letter, with nothing raw in what is said."""
    check(value)


def test_the_corpus_reaches_every_verdict() -> None:
    """A fuzzer that begins near every kind of fault finds its way to the rest."""
    results = [decode(value, NOW_MS) for value in INPUTS.values()]
    reasons = {result.reason for result in results if isinstance(result, Reject)}
    # No bytes; of earlier versions; and the Kafka client's.
    found_elsewhere = {Reason.TOMBSTONE, Reason.INVALID_IP, Reason.UNREADABLE}
    assert reasons == set(Reason) - found_elsewhere
    assert any(not isinstance(result, Reject) for result in results)
