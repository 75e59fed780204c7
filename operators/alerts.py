"""The windowed fold of the alerts: who came from where, and which of it is unusual."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from zlib import compress, decompress

import msgspec
from bytewax.dataflow import Stream

from models import Alert
from operators.detectors import (
    Busy,
    Span,
    Thresholds,
    busiest,
    many_locales,
    many_networks,
    password_sprays,
)
from operators.fold import FOLD_KEY, FoldLogic, WindowConfig
from operators.heavy_hitters import AnyProfile, HeavyHitters, HeavyHittersState
from operators.login_columns import LoginColumns
from operators.profiles import NetworkProfile, UserProfile, decode_sketch, encode_sketch
from operators.state import State, stateful
from operators.summarise import Summary
from records import OutputRecord

__all__ = ["Findings", "FindingsLogic", "WindowFindings", "alert_key", "alert_records", "findings"]

FASTEST = 1  # of zlib's levels
# Measured: the most memory that one input partition's part of a window takes, however long names
# are, since the rest is left out.
LARGEST_PART_BYTES = 80_000_000
_to_json = msgspec.json.Encoder().encode
_write_part = msgspec.msgpack.Encoder(enc_hook=encode_sketch).encode
_read_part = msgspec.msgpack.Decoder(
    tuple[HeavyHittersState[NetworkProfile], HeavyHittersState[UserProfile]], dec_hook=decode_sketch
).decode


@dataclass(frozen=True, slots=True)
class WindowFindings:
    """What was found in one window.

    Attributes:
        span: the window.
        logins: how many it has.
        alerts: all but the bursts, which depend on earlier windows.
        busy: its busiest networks.
        left_out: whether it had more users, networks or places than are kept.
    """

    span: Span
    logins: int
    alerts: tuple[Alert, ...]
    busy: dict[str, Busy]
    left_out: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What folding a few summaries resulted in.

    Attributes:
        windows: those that closed or ended with the input, in order.
        late: how many logins were too late for any window, since the previous findings.
    """

    windows: tuple[WindowFindings, ...]
    late: int


def findings(
    step_id: str, up: Stream[Summary[LoginColumns]], config: WindowConfig, thresholds: Thresholds
) -> Stream[Findings]:
    """Count users and networks in each window, and check it when the watermark has passed its end.

    Args:
        step_id: names the state in the recovery store; another name loses it.
        up: summaries after `lateness`, in order within each partition.
        config: of the windowed fold.
        thresholds: what is unusual.
    """

    def build(state: State | None) -> FindingsLogic:
        return FindingsLogic(config, thresholds, state)

    return stateful(step_id, up, lambda _summary: FOLD_KEY, build, config.on_incompatible)


class _Part:
    """One input partition's part of a window.

    A replay keeps the order of logins within a partition, but not across partitions. So what the
    sketches drop is decided for each partition by itself, and merging drops nothing.
    """

    __slots__ = ("_saved", "networks", "users")

    def __init__(self, saved: bytes | None = None) -> None:
        self._saved = saved
        self.networks = HeavyHitters(NetworkProfile)
        self.users = HeavyHitters(UserProfile)
        if saved is not None:
            networks, users = _read_part(decompress(saved))
            self.networks.restore(networks)
            self.users.restore(users)

    def add(self, columns: LoginColumns) -> None:
        """Add logins, one by one."""
        self._saved = None
        networks, users = self.networks, self.users
        for user, network, locale in zip(
            columns.users, columns.networks, columns.locales, strict=True
        ):
            if network is not None:
                profile = networks.note(network)
                had_none = profile.sketch is None
                names = profile.add(user, room=networks.has_room)
                networks.keep(names, sketches=had_none and profile.sketch is not None)
            places = users.note(user)
            users.keep(places.add(network, locale, room=users.has_room))

    def memory(self) -> int:
        """Return about how many bytes it takes: see docs/alerts.md."""
        return min(self.networks.memory() + self.users.memory(), LARGEST_PART_BYTES)

    def saved(self) -> bytes:
        """Return its state, serialised again only if something was added."""
        if self._saved is None:
            state = (self.networks.to_state(), self.users.to_state())
            self._saved = compress(_write_part(state), FASTEST)
        return self._saved


class _Window:
    """An open window, in parts by input partition.

    Args:
        saved: what saved() returned in an earlier run, or None.
    """

    __slots__ = ("_memory", "_parts", "logins")

    def __init__(self, saved: bytes | None = None) -> None:
        self.logins = 0
        self._parts: dict[int, _Part] = {}
        if saved is not None:
            self.logins, parts = msgspec.msgpack.decode(saved, strict=False)
            self._parts.update((partition, _Part(part)) for partition, part in parts)
        self._memory = sum(part.memory() for part in self._parts.values())

    def add(self, partition: int, columns: LoginColumns) -> None:
        """Add logins of a partition, in order."""
        self.logins += columns.logins
        part = self._parts.get(partition)
        if part is None:
            part = self._parts[partition] = _Part()
        else:
            self._memory -= part.memory()
        part.add(columns)
        self._memory += part.memory()

    def saved(self) -> bytes:
        """Return its state as bytes."""
        parts = [(partition, part.saved()) for partition, part in self._parts.items()]
        return msgspec.msgpack.encode((self.logins, parts))

    def memory(self) -> int:
        """Return about how many bytes it takes: kept as a sum, since it's needed often."""
        return self._memory

    def evaluate(self, span: Span, thresholds: Thresholds) -> WindowFindings:
        """Return what is found in the window, which isn't changed."""
        parts = [part for _, part in sorted(self._parts.items())]
        networks = _merged((part.networks for part in parts), NetworkProfile)
        users = _merged((part.users for part in parts), UserProfile)
        alerts = (
            *password_sprays(networks, span, thresholds.network_users),
            *many_networks(users, span, thresholds.user_networks),
            *many_locales(users, span, thresholds.user_locales),
        )
        left_out = any(part.networks.left_out() or part.users.left_out() for part in parts)
        return WindowFindings(span, self.logins, alerts, busiest(networks), left_out)


class FindingsLogic(FoldLogic[LoginColumns, _Window, Findings]):
    """Windows of login columns, each of which is checked when it closes.

    Args:
        config: of the windowed fold.
        thresholds: what is unusual.
        state: what snapshot() returned in an earlier run, or None.
    """

    def __init__(
        self, config: WindowConfig, thresholds: Thresholds, state: State | None = None
    ) -> None:
        super().__init__(config, state)
        self._thresholds = thresholds
        self._late = 0  # only until the next findings, so not worth a place in the state

    def on_batch(self, values: list[Summary[LoginColumns]]) -> tuple[list[Findings], bool]:
        """Fold the summaries, and check the windows that close."""
        self._late += sum(summary.late_logins for summary in values)
        return super().on_batch(values)

    def _window(self, saved: bytes | None) -> _Window:
        return _Window(saved)

    def _results(
        self, windows: list[tuple[int, _Window]], late: int, *, final: bool
    ) -> list[Findings]:
        self._late += late
        if not windows:
            return []
        end = self._windowing.end
        found = tuple(
            window.evaluate(Span(start, end(start), final), self._thresholds)
            for start, window in windows
        )
        late, self._late = self._late, 0
        return [Findings(found, late)]


def _merged(
    counters: Iterable[HeavyHitters[AnyProfile]], make: Callable[[], Any]
) -> dict[str, tuple[int, AnyProfile]]:
    """Return each subject with its count and profile, over all partitions."""
    merged: dict[str, tuple[int, AnyProfile]] = {}
    for counter in counters:
        for subject, count, seen in counter.items():
            if subject in merged:
                before, known = merged[subject]
                both = make()
                both.merge(known)
                both.merge(seen)
                merged[subject] = (before + count, both)
            else:
                merged[subject] = (count, seen)
    return merged


def alert_key(alert: Alert) -> str:
    """Return an alert's key: writing the alert again replaces it."""
    return f"{alert.kind}/{alert.subject}/{alert.window_start}"


def alert_records(alerts: Iterable[Alert]) -> list[tuple[str, OutputRecord]]:
    """Return alerts as records, each with its key, which the engine routes by."""
    return [
        (key, {"key": key, "value": _to_json(alert)})
        for alert in alerts
        for key in (alert_key(alert),)
    ]
