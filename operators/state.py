"""State in the recovery store: plain values with a format version, read again with care."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

__all__ = ["Refuse", "State", "StateFormatError", "check_version", "or_refuse"]

State = tuple[Any, ...]
Refuse = Callable[[str], NoReturn]
Logic = TypeVar("Logic")


class StateFormatError(Exception):
    """State that doesn't fit this program or its settings; its text says what to do."""


def check_version(what: str, state: object, expected: int) -> State:
    """Return the state if it is a tuple that begins with the expected version.

    Raises:
        StateFormatError: it is anything else.
    """
    if isinstance(state, tuple) and state[:1] == (expected,):
        return state
    found = state[0] if isinstance(state, tuple) and state else type(state).__name__
    raise StateFormatError(
        f"the recovery store holds {what} in format {found!r}, this version reads format "
        f"{expected}: start with a new recovery folder (-r) and the input is read again to "
        "rebuild them, without writing an output twice; or run the version that wrote them"
    )


def or_refuse(
    build: Callable[[State | None], Logic], refuse: Refuse
) -> Callable[[State | None], Logic]:
    """Return a builder of an operator's logic that hands what is wrong with its state on.

    Args:
        build: takes the state of an earlier run, or None; raises StateFormatError.
        refuse: ends the run with that text. An exception in the engine prints pages of trace.
    """

    def build_or_refuse(state: State | None) -> Logic:
        try:
            return build(state)
        except StateFormatError as error:
            refuse(str(error))

    return build_or_refuse
