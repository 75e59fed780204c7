import pickle

from connectors.records import RecordBatch
from models import ProcessedLogin
from operators.batches import LoginBatch, Reason, Reject
from operators.stats import LoginStats
from operators.summarise import summarise


def login(user: str, quality: list[str]) -> ProcessedLogin:
    """One login; what the tests don't vary is always the same."""
    return ProcessedLogin(
        user, "device", "iOS", "2.3.0", "current", "CA", None, 0, "", "", list(quality)
    )


def batch(logins: list[ProcessedLogin], *reasons: Reason) -> LoginBatch[ProcessedLogin]:
    """A batch after enrich: first its logins, then a reject for each reason."""
    size = len(logins) + len(reasons)
    source = RecordBatch(
        topic="user-login",
        partition=0,
        start=0,
        next_offset=size,
        offsets=list(range(size)),
        timestamps=[0] * size,
        values=[None] * size,
        origins=[],
    )
    rejects = [
        (index, Reject(reason, "why")) for index, reason in enumerate(reasons, start=len(logins))
    ]
    return LoginBatch(source, list(range(len(logins))), logins, rejects)


def test_summary_holds_the_totals_of_the_batch_s_logins() -> None:
    """The same as adding them up by hand."""
    logins = [login("a", ["missing_ip"]), login("b", []), login("a", [])]
    expected = LoginStats()
    expected.add(logins)
    assert summarise(batch(logins)).stats == expected


def test_summary_counts_rejects_by_reason() -> None:
    """Each dead letter counts once, under the word that its header has."""
    summary = summarise(batch([], Reason.NOT_JSON, Reason.TOMBSTONE, Reason.NOT_JSON))
    assert summary.rejects == {"not_json": 2, "tombstone": 1}
    assert summary.stats.logins == 0


def test_summary_of_an_empty_batch_is_empty() -> None:
    """A batch of control markers only is possible, and changes nothing."""
    summary = summarise(batch([]))
    assert summary.stats == LoginStats()
    assert summary.rejects == {}


def test_same_batch_gives_the_same_summary() -> None:
    """It is stateless: nothing of one batch is left in the next one's summary."""
    one = batch([login("a", [])], Reason.NOT_JSON)
    assert summarise(one) == summarise(one)


def test_pickled_summary_names_no_reason_enum() -> None:
    """It crosses processes as plain text and comes back equal."""
    summary = summarise(batch([login("a", [])], Reason.INVALID_IP))
    pickled = pickle.dumps(summary)
    assert pickle.loads(pickled) == summary  # noqa: S301 - our own
    assert b"Reason" not in pickled
