"""What windows must come out: each login judged by itself, counted in the plainest way."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from models import Insight, ProcessedLogin

UNIQUE_USERS_ERROR = 0.03


@dataclass
class WindowOracle:
    """Takes each partition's logins in their order.

    Attributes:
        seconds: a window's length.
        lateness: the allowed lateness in seconds.
        windows: the logins in time, by their window's start.
        late: the logins that are late.
    """

    seconds: int
    lateness: int
    windows: defaultdict[int, list[ProcessedLogin]] = field(
        default_factory=lambda: defaultdict(list)
    )
    late: list[ProcessedLogin] = field(default_factory=list)

    def read(self, logins: Iterable[ProcessedLogin]) -> None:
        """Judge all logins of one partition."""
        newest = 0
        for login in logins:
            newest = max(newest, login.timestamp)
            start = login.timestamp // self.seconds * self.seconds
            if start + self.seconds <= newest - self.lateness:
                self.late.append(login)
            else:
                self.windows[start].append(login)

    def expected(self) -> dict[str, dict[str, Any]]:
        """Return what each window's record holds, by key; users are counted exactly."""
        return {_iso(start): self._record(start) for start in sorted(self.windows)}

    def _record(self, start: int) -> dict[str, Any]:
        logins = self.windows[start]
        return {
            "window_start": _iso(start),
            "window_end": _iso(start + self.seconds),
            "logins": len(logins),
            "unique_users": len({login.user_id for login in logins}),
            "device_types": Counter(login.device_type for login in logins),
            "app_versions": Counter(login.app_version for login in logins),
            "version_categories": Counter(login.version_category for login in logins),
            "locales": Counter(login.locale for login in logins),
            "quality": Counter(flag for login in logins for flag in login.quality),
        }


def assert_same_windows(
    insights: Sequence[Insight], oracle: WindowOracle, *, final: bool | None = None
) -> None:
    """See that the last insight of each window says what the oracle says, and no window lacks.

    Args:
        insights: as they were written.
        oracle: of the same logins.
        final: what all of them have to be; None for either.
    """
    expected = oracle.expected()
    last = {insight.window_start: insight for insight in insights}
    assert sorted(last) == sorted(expected)
    for key, insight in last.items():
        wanted = dict(expected[key])
        users = wanted.pop("unique_users")
        assert {name: getattr(insight, name) for name in wanted} == wanted
        assert abs(insight.unique_users - users) <= users * UNIQUE_USERS_ERROR
        assert final is None or insight.final == final


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
