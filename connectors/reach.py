"""Whether brokers answer, as the client itself can tell; it asks nothing for it."""

from typing import Any

import msgspec

from monitoring.health import HEALTH

__all__ = ["client_statistics", "hear_brokers"]

INTERVAL_MS = 5_000
# A consumer's broker answers at least every 100 ms (fetch.wait.max.ms), records or not.
SILENT_MICROSECONDS = 5_000_000


class _Broker(msgspec.Struct):
    """What librdkafka tells of a broker: its connection, and how long ago it last said anything."""

    state: str
    rxidle: int


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker]


def client_statistics() -> dict[str, Any]:
    """Return the configuration of a consumer whose polls tell every 5 seconds who answers."""
    return {"statistics.interval.ms": INTERVAL_MS, "stats_cb": hear_brokers}


def hear_brokers(statistics: str) -> None:
    """Note whether a broker has answered lately.

    Args:
        statistics: librdkafka's, JSON.
    """
    brokers = msgspec.json.decode(statistics, type=_Statistics).brokers.values()
    if any(one.state == "UP" and 0 <= one.rxidle < SILENT_MICROSECONDS for one in brokers):
        HEALTH.heard()
