"""Whether a run's output is right: only then does its time count."""

from collections.abc import Callable, Iterable

import msgspec

from benchmarks.feed import NUMBER_DIGITS, Feed, Window

__all__ = ["WrongOutputError", "check_copies", "check_logins", "check_windows"]

# Two different sketches of the same users may differ by their standard error, 0.8 %, and more.
USERS_ERROR = 0.04


class WrongOutputError(Exception):
    """A contender lost, repeated or changed something; the text says what."""


class _Output(msgspec.Struct, frozen=True):
    """A processed login as any contender writes it; the time of processing is its own affair."""

    user_id: str
    device_id: str
    device_type: str
    app_version: str
    version_category: str
    locale: str
    masked_ip: str | None
    timestamp: int
    login_at: str
    processed_at: str
    quality: tuple[str, ...]


class _Device(msgspec.Struct, frozen=True):
    device_id: str


class _Insight(msgspec.Struct, frozen=True):
    """What every contender with windows has to write of one."""

    window_start: str
    logins: int
    unique_users: int
    device_types: dict[str, int]
    version_categories: dict[str, int]
    locales: dict[str, int]


def check_logins(feed: Feed, values: Iterable[bytes]) -> None:
    """See that each login came out once, and as it should.

    Args:
        feed: what went in.
        values: of the output topic, in any order.

    Raises:
        WrongOutputError: one is lost, repeated or wrong.
    """
    read = msgspec.json.Decoder(_Output).decode

    def fault(number: int, value: bytes) -> str | None:
        found, wanted = read(value), feed.result(number)
        for name in _Output.__struct_fields__:
            if name != "processed_at" and getattr(found, name) != getattr(wanted, name):
                return f"login {number}: {name} is {getattr(found, name)!r}"
        return None if found.processed_at else f"login {number}: processed_at is empty"

    _each_once(feed, values, fault)


def check_copies(feed: Feed, values: Iterable[bytes]) -> None:
    """See that each login was copied once, unchanged.

    Args:
        feed: what went in.
        values: of the output topic, in any order.

    Raises:
        WrongOutputError: one is lost, repeated or changed.
    """

    def fault(number: int, value: bytes) -> str | None:
        return None if value == feed.value(number) else f"login {number} was changed"

    _each_once(feed, values, fault)


def _each_once(
    feed: Feed, values: Iterable[bytes], fault: Callable[[int, bytes], str | None]
) -> None:
    times = bytearray(feed.records)
    read = msgspec.json.Decoder(_Device).decode
    for value in values:
        number = int(read(value).device_id[:NUMBER_DIGITS], 16)
        if number >= feed.records:
            raise WrongOutputError(f"login {number} was never sent")
        if times[number]:
            raise WrongOutputError(f"login {number} came out twice")
        times[number] = 1
        if (wrong := fault(number, value)) is not None:
            raise WrongOutputError(wrong)
    if lost := times.count(0):
        raise WrongOutputError(
            f"{lost} of {feed.records} logins are lost, the first is {times.index(0)}"
        )


def check_windows(feed: Feed, records: Iterable[tuple[bytes, bytes]]) -> None:
    """See that the last record of each window says what the logins in it add up to.

    Args:
        feed: what went in.
        records: key and value, in the order of the insights topic.

    Raises:
        WrongOutputError: a window is missing, too many, or wrong.
    """
    last = dict(records)
    insights = [msgspec.json.decode(value, type=_Insight) for value in last.values()]
    found = {insight.window_start: insight for insight in insights}
    if found.keys() != feed.windows.keys():
        raise WrongOutputError(f"windows {sorted(found)} instead of {sorted(feed.windows)}")
    for start, insight in found.items():
        _check_window(insight, feed.windows[start])


def _check_window(found: _Insight, wanted: Window) -> None:
    for name in ("logins", "device_types", "version_categories", "locales"):
        if getattr(found, name) != getattr(wanted, name):
            raise WrongOutputError(
                f"window {found.window_start}: {name} is {getattr(found, name)} "
                f"instead of {getattr(wanted, name)}"
            )
    if abs(found.unique_users - wanted.users) > max(1, wanted.users * USERS_ERROR):
        raise WrongOutputError(
            f"window {found.window_start}: {found.unique_users} users instead of {wanted.users}"
        )
