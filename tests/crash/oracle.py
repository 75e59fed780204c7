"""What must become of an input record: plain computation for logins of the tests' own making."""

import json

from models import ProcessedLogin
from operators.batches import Login
from operators.decode import decode
from operators.enrich import enrich
from tests.support import logins

__all__ = ["processed"]


def processed(value: bytes) -> ProcessedLogin:
    """Return what a record's value becomes, without the time of processing."""
    if b'"user_id":"user-' in value:
        return logins.processed(json.loads(value))
    # Hostile, and a login all the same. What is right is tested for each kind of them elsewhere
    # (tests/integration/test_hostile_messages.py); here it is only counted.
    login = decode(value, logins.EPOCH * 1_000)
    assert isinstance(login, Login)
    return enrich(login, "")
