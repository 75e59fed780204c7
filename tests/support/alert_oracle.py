"""What alerts must come out: each login judged by itself, counted in the plainest way."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from models import Alert, ProcessedLogin
from operators.detectors import Thresholds

SAMPLE = 10
HISTORY = 12
LEAST_HISTORY = 3
BUSIEST = 1_000


@dataclass
class AlertOracle:
    """Takes each partition's logins in their order. Only for networks of at most 100.

    Attributes:
        thresholds: what is unusual.
        seconds: a window's length.
        lateness: the allowed lateness in seconds.
        windows: the logins in time, by their window's start.
        newest: of each partition.
    """

    thresholds: Thresholds
    seconds: int = 300
    lateness: int = 60
    windows: defaultdict[int, list[ProcessedLogin]] = field(
        default_factory=lambda: defaultdict(list)
    )
    newest: list[int] = field(default_factory=list)

    def read(self, logins: Sequence[ProcessedLogin]) -> None:
        """Judge all logins of one partition."""
        newest = 0
        for login in logins:
            newest = max(newest, login.timestamp)
            start = login.timestamp // self.seconds * self.seconds
            if start + self.seconds > newest - self.lateness:
                self.windows[start].append(login)
        self.newest.append(newest)

    def alerts(self) -> dict[str, Alert]:
        """Return what must be written, by key."""
        found: list[Alert] = []
        history: list[Counter[str]] = []
        for start in sorted(self.windows):
            logins = self.windows[start]
            found += self._sprays(start, logins) + self._travels(start, logins)
            counts = Counter(one.masked_ip for one in logins if one.masked_ip is not None)
            found += self._bursts(start, logins, counts, history[-HISTORY:])
            ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            history.append(Counter(dict(ordered[:BUSIEST])))
        return {f"{one.kind}/{one.subject}/{one.window_start}": one for one in found}

    def _sprays(self, start: int, logins: list[ProcessedLogin]) -> list[Alert]:
        users = defaultdict(list)
        for one in logins:
            if one.masked_ip is not None:
                users[one.masked_ip].append(one.user_id)
        limit = self.thresholds.network_users
        return [
            self._alert("password_spray", network, start, len(set(who)), limit, len(who), set(who))
            for network, who in users.items()
            if len(set(who)) >= limit
        ]

    def _travels(self, start: int, logins: list[ProcessedLogin]) -> list[Alert]:
        users = defaultdict(list)
        for one in logins:
            users[one.user_id].append(one)
        found = []
        for user, theirs in users.items():
            nets = Counter(one.masked_ip for one in theirs if one.masked_ip is not None)
            at_home = 4 * max(nets.values(), default=0) >= sum(nets.values())
            limit = self.thresholds.user_networks
            if len(nets) >= limit and not at_home:
                found.append(
                    self._alert("many_networks", user, start, len(nets), limit, len(theirs), nets)
                )
            places = {one.locale for one in theirs if one.locale != "unknown"}
            limit = self.thresholds.user_locales
            if len(places) >= limit:
                found.append(
                    self._alert(
                        "many_locales", user, start, len(places), limit, len(theirs), places
                    )
                )
        return found

    def _bursts(
        self,
        start: int,
        logins: list[ProcessedLogin],
        counts: Counter[str],
        history: list[Counter[str]],
    ) -> list[Alert]:
        found = []
        if len(history) < LEAST_HISTORY:
            return []
        for network, count in counts.items():
            usual = sum(past[network] for past in history) / len(history)
            limit = max(self.thresholds.burst_logins, self.thresholds.burst_factor * usual)
            if count >= limit:
                who = {one.user_id for one in logins if one.masked_ip == network}
                found.append(
                    self._alert(
                        "network_burst",
                        network,
                        start,
                        count,
                        round(limit),
                        count,
                        who,
                        round(usual, 1),
                    )
                )
        return found

    def _alert(
        self,
        kind: str,
        subject: str,
        start: int,
        count: int,
        threshold: int,
        logins: int,
        sample: Iterable[str],
        usual: float | None = None,
    ) -> Alert:
        end = start + self.seconds
        return Alert(
            kind,
            subject,
            _iso(start),
            _iso(end),
            count,
            threshold,
            logins,
            usual,
            tuple(sorted(sample)[:SAMPLE]),
            final=end <= min(self.newest) - self.lateness,
        )


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
