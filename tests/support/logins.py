"""Good logins for tests: a function of their number, so that a test knows what must come out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from models import ProcessedLogin

EPOCH = 1_720_000_000  # long before any run, so never in the future
CATEGORIES = {"1.9.4": "legacy", "2.1.0": "stable", "2.3.0": "current", "2.4.1": "current"}
VERSIONS = tuple(CATEGORIES)
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


def processed(one: dict[str, Any]) -> ProcessedLogin:
    """Return what must become of a login, without the time of processing."""
    at = datetime.fromtimestamp(one["timestamp"], UTC)
    return ProcessedLogin(
        user_id=one["user_id"],
        device_id=one["device_id"],
        device_type=one["device_type"],
        app_version=one["app_version"],
        version_category=CATEGORIES[one["app_version"]],
        locale=one["locale"],
        masked_ip=one["ip"].rpartition(".")[0] + ".0",
        timestamp=one["timestamp"],
        login_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        processed_at="",
        quality=(),
    )


def records(numbers: range, partitions: int = 4) -> Iterator[dict[str, Any]]:
    """Return the records of logins, spread evenly over the partitions."""
    for number in numbers:
        yield {"value": msgspec.json.encode(login(number)), "partition": number % partitions}


def numbers(outputs: list[dict[str, Any]]) -> list[int]:
    """Return which logins came out, sorted."""
    return sorted(int(output["device_id"]) for output in outputs)
