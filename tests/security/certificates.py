"""Certificates made for a test run: an authority, and keys and certificates in PEM files."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

__all__ = ["Authority", "Certificate"]

LONG_AGO = timedelta(days=30)
YESTERDAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, each in a file of its own, as clients want them.

    Attributes:
        certificate: the file with the certificate.
        key: the file with the private key.
        both: the file with key and certificate in one, as Kafka's PEM key stores are.
    """

    certificate: Path
    key: Path
    both: Path


class Authority:
    """A certificate authority that nobody but its own test run trusts.

    Args:
        folder: where its files go; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *identities: str, expired: bool = False) -> Certificate:
        """Issue a certificate.

        Args:
            name: its common name, and its files' name.
            identities: host names and addresses that it is valid for.
            expired: its time is over since yesterday.
        """
        now = datetime.now(UTC)
        leaf = self._authority.issue_cert(
            *identities,
            common_name=name,
            not_before=now - LONG_AGO,
            not_after=now - YESTERDAY if expired else now + LONG_AGO,
        )
        key = _pkcs8(leaf.private_key_pem.bytes())
        certificate = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        return Certificate(
            certificate=self._write(f"{name}.crt", certificate),
            key=self._write(f"{name}.key", key),
            both=self._write(f"{name}.pem", key + certificate),
        )

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path


def _pkcs8(pem: bytes) -> bytes:
    """Return a key in the only form that Kafka's PEM stores read."""
    key = load_pem_private_key(pem, password=None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
