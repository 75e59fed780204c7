"""Good logins for tests: a function of their number, so that a test knows what must come out."""

from collections.abc import Iterator
from typing import Any

import msgspec

EPOCH = 1_720_000_000  # long before any run, so never in the future
VERSIONS = ("1.9.4", "2.1.0", "2.3.0", "2.4.1")
DEVICES = ("android", "iOS")
USERS = 997  # a prime, so that users meet every version, device and locale
LOCALES = ("NY", "CA", "TX", "DE", "FR")


def login(number: int) -> dict[str, Any]:
    """Return the login of a number; its device id is the number, so it can be found again."""
    return {
        "user_id": f"user-{number % USERS}",
        "app_version": VERSIONS[number % len(VERSIONS)],
        "device_type": DEVICES[number % len(DEVICES)],
        "ip": f"198.51.{number % 256}.{number // 256 % 256}",
        "locale": LOCALES[number % len(LOCALES)],
        "device_id": str(number),
        "timestamp": EPOCH + number // 100,
    }


def records(numbers: range, partitions: int = 4) -> Iterator[dict[str, Any]]:
    """Return the records of logins, spread evenly over the partitions."""
    for number in numbers:
        yield {"value": msgspec.json.encode(login(number)), "partition": number % partitions}


def numbers(outputs: list[dict[str, Any]]) -> list[int]:
    """Return which logins came out, sorted."""
    return sorted(int(output["device_id"]) for output in outputs)
