"""From a login as it came to a clean one: masked, normalised, and with its faults by name."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache

from msgspec.structs import replace

from models import ProcessedLogin
from operators.batches import Login, LoginBatch
from operators.event_time import AHEAD_MS, is_ahead, none_is_ahead
from operators.privacy import mask_address
from operators.timestamps import LAST_SECOND

__all__ = ["device_type", "enrich", "enrich_batch", "iso_time", "login_at", "version_category"]

Pseudonym = Callable[[str], str]

UNKNOWN = "unknown"
DEVICE_TYPES = {"android": "android", "ios": "iOS", "web": "web", UNKNOWN: UNKNOWN}

_match_version = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.[0-9]{1,9}){0,2}").fullmatch
FIRST_STABLE = (2, 0)
FIRST_CURRENT = (2, 3)

# Texts come from outside: what is remembered of them is at most 1,000 times 1,024 bytes each.
REMEMBERED_TEXTS = 1_000
REMEMBERED_SECONDS = 10_000  # logins of a second come together, backfills in any order aside
REMEMBERED_HOURS = 1_000
HOUR_SECONDS = 3_600
IN_THE_HOUR = [f"{minute:02}:{second:02}Z" for minute in range(60) for second in range(60)]


def enrich(login: Login, processed_at: str, pseudonym: Pseudonym | None = None) -> ProcessedLogin:
    """Clean a login and flag its soft faults.

    Args:
        login: from decode.
        processed_at: the time now, as the record shall show it.
        pseudonym: gives user and device ids the form in which they may leave, if not their own.
    """
    masked_ip = mask_address(login.ip) if login.ip else None
    device, device_fault = device_type(login.device_type)
    category, version_fault = version_category(login.app_version)
    quality: tuple[str, ...] = ()
    if device_fault or version_fault or not (login.device_id and masked_ip and login.locale):
        quality = tuple(
            sorted(filter(None, (device_fault, version_fault, *_flags(login, masked_ip))))
        )
    user_id, device_id = login.user_id, login.device_id
    if pseudonym is not None:
        user_id, device_id = pseudonym(user_id), device_id and pseudonym(device_id)
    return ProcessedLogin(
        user_id=user_id,
        device_id=device_id or UNKNOWN,
        device_type=device,
        app_version=login.app_version or UNKNOWN,
        version_category=category,
        locale=login.locale or UNKNOWN,
        masked_ip=masked_ip,
        timestamp=login.timestamp,
        login_at=login_at(login.timestamp),
        processed_at=processed_at,
        quality=quality,
    )


def enrich_batch(
    batch: LoginBatch[Login],
    pseudonym: Pseudonym | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> LoginBatch[ProcessedLogin]:
    """Clean the logins of a batch, all at the same time.

    Args:
        batch: from decode.
        pseudonym: gives user and device ids the form in which they may leave, if not their own.
        now: the clock, in UTC.
    """
    processed_at = f"{now().replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    results = [enrich(login, processed_at, pseudonym) for login in batch.logins]
    for place in _ahead(batch):
        results[place] = _flagged(results[place], "timestamp_ahead")
    return LoginBatch(batch.source, batch.indexes, results, batch.rejects)


@lru_cache(REMEMBERED_TEXTS)
def device_type(text: str | None) -> tuple[str, str | None]:
    """Return `android`, `iOS`, `web` or `unknown`, and the flag of the text's fault, if it has one.

    Case and surrounding white space don't matter. A device type may be `unknown`: not a fault.
    """
    if not text:
        return UNKNOWN, "missing_device_type"
    known = DEVICE_TYPES.get(text.strip().lower())
    return (known, None) if known else (UNKNOWN, "unrecognised_device_type")


@lru_cache(REMEMBERED_TEXTS)
def version_category(text: str | None) -> tuple[str, str | None]:
    """Return a version's category, and the flag of the fault that a text has, if any.

    A version is 1 to 4 groups of 1 to 9 ASCII digits with dots between. Only the first two count,
    as numbers: 2.2.9 is older than 2.3, and 2 is 2.0.
    """
    if not text:
        return UNKNOWN, "missing_app_version"
    match = _match_version(text)
    if match is None:
        return UNKNOWN, "invalid_app_version"
    version = (int(match[1]), int(match[2] or 0))
    if version < FIRST_STABLE:
        return "legacy", None
    return ("stable" if version < FIRST_CURRENT else "current"), None


@lru_cache(REMEMBERED_SECONDS)
def login_at(timestamp: int) -> str:
    """Return whole seconds since the epoch as ISO 8601, such as 2024-07-10T14:36:56Z."""
    return _hour(timestamp // HOUR_SECONDS) + IN_THE_HOUR[timestamp % HOUR_SECONDS]


def iso_time(seconds: int) -> str:
    """Return seconds since the epoch as ISO 8601; the year 10000, which has none, as 9999's end."""
    return login_at(min(seconds, LAST_SECOND))


@lru_cache(REMEMBERED_HOURS)
def _hour(hours: int) -> str:
    """Return all but minutes and seconds, which is nearly always the same as before."""
    return datetime.fromtimestamp(hours * HOUR_SECONDS, UTC).strftime("%Y-%m-%dT%H:")


def _ahead(batch: LoginBatch[Login]) -> list[int]:
    """Return the indexes of the logins whose timestamps are ahead of their records."""
    timestamps, record_times = [login.timestamp for login in batch.logins], batch.record_times
    if none_is_ahead(timestamps, record_times, AHEAD_MS):
        return []
    pairs = zip(timestamps, record_times, strict=True)
    return [place for place, pair in enumerate(pairs) if is_ahead(*pair)]


def _flagged(login: ProcessedLogin, flag: str) -> ProcessedLogin:
    return replace(login, quality=tuple(sorted((*login.quality, flag))))


def _flags(login: Login, masked_ip: str | None) -> Iterator[str]:
    """Flag what is wrong with the fields that are neither a device type nor a version."""
    for name in ("device_id", "ip", "locale"):
        if not getattr(login, name):
            yield f"missing_{name}"
    if login.ip and masked_ip is None:
        yield "invalid_ip"
