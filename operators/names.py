"""Names of users, networks and places, in bounded memory: long ones are kept as digests."""

from collections.abc import Sequence
from hashlib import sha256

__all__ = ["LONGEST_NAME", "kept_name", "kept_names"]

# Bytes of UTF-8. The longest ids that the login flow itself creates (with USER_ID_KEY) are this
# long. A digest is always longer, so no name can be mistaken for another name's digest.
LONGEST_NAME = 73


def kept_name(name: str) -> str:
    """Return a name, or its digest and length if it is over 73 bytes of UTF-8.

    A digest is `sha256:HEX:BYTES`, the same for the same name. Different names stay different.
    """
    encoded = name.encode()
    if len(encoded) <= LONGEST_NAME:
        return name
    return f"sha256:{sha256(encoded).hexdigest()}:{len(encoded)}"


def kept_names(names: Sequence[str]) -> Sequence[str]:
    """Return `kept_name` of each name; nearly always the names as they are."""
    # Loops in C, and the usual case: none is too long.
    if max(map(len, names), default=0) <= LONGEST_NAME and "".join(names).isascii():
        return names
    return list(map(kept_name, names))
