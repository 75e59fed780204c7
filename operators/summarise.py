"""The summary of one batch: all that the report has to know of it."""

from collections import Counter
from dataclasses import dataclass

from models import ProcessedLogin
from operators.batches import LoginBatch
from operators.stats import LoginStats

__all__ = ["Summary", "summarise"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What crosses workers in place of a batch's logins. Nobody changes it once it is made.

    Attributes:
        stats: the totals of the batch's logins.
        rejects: how many records went to the dead letters, by reason.
    """

    stats: LoginStats
    rejects: dict[str, int]


def summarise(batch: LoginBatch[ProcessedLogin]) -> Summary:
    """Sum up a batch after enrich."""
    stats = LoginStats()
    stats.add(batch.logins)
    # Plain strings: a summary is pickled, and should not need the enum's module to be read.
    rejects = Counter(str(reject.reason) for _, reject in batch.rejects)
    return Summary(stats, dict(rejects))
