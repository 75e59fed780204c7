"""Batches after enrich for tests of what comes behind it: logins as a function of few values."""

from collections.abc import Iterable, Sequence

from models import ProcessedLogin
from operators.batches import LoginBatch, Reason, Reject
from records import NOTHING_KNOWN, Coverage, RecordBatch


def processed(
    timestamp: int = 0, user: str = "user", locale: str = "CA", quality: Iterable[str] = ()
) -> ProcessedLogin:
    """One login; what the tests don't vary is always the same."""
    return ProcessedLogin(
        user, "device", "iOS", "2.3.0", "current", locale, None, timestamp, "", "", tuple(quality)
    )


def login_batch(
    logins: Sequence[ProcessedLogin] = (),
    *reasons: Reason,
    partition: int = 0,
    coverage: Coverage = NOTHING_KNOWN,
    gap: bool = False,
    record_times: Sequence[int] = (),
) -> LoginBatch[ProcessedLogin]:
    """A batch after enrich: first its logins, then a reject for each reason.

    Record times are in ms; without any, the records don't say when they were written.
    """
    size = len(logins) + len(reasons)
    source = RecordBatch(
        topic="user-login",
        partition=partition,
        start=0,
        next_offset=size,
        offsets=list(range(size)),
        timestamps=list(record_times) or [0] * size,
        values=[None] * size,
        origins=[],
        coverage=coverage,
        gap=gap,
    )
    rejects = [
        (index, Reject(reason, "why")) for index, reason in enumerate(reasons, start=len(logins))
    ]
    return LoginBatch(source, list(range(len(logins))), list(logins), rejects)


def at(*timestamps: int) -> list[ProcessedLogin]:
    """A login for each time."""
    return [processed(timestamp, f"user {timestamp}") for timestamp in timestamps]
