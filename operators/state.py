"""State in the recovery store: plain values with a format version, checked when read again."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import bytewax.operators as op
from bytewax.dataflow import Stream
from bytewax.operators import StatefulBatchLogic

__all__ = ["OnIncompatible", "State", "StateFormatError", "check_version", "stateful"]

State = tuple[Any, ...]
OnIncompatible = Callable[[str], NoReturn]
In = TypeVar("In")
Out = TypeVar("Out")


class StateFormatError(Exception):
    """State that is incompatible with this program or its settings; the text says what to do."""


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


def stateful(
    step_id: str,
    up: Stream[In],
    key: Callable[[In], str],
    build: Callable[[State | None], StatefulBatchLogic[In, Out, State]],
    on_incompatible: OnIncompatible,
) -> Stream[Out]:
    """Process items with state that the recovery store keeps for each key.

    Args:
        step_id: names the state in the recovery store; under another name it would be lost.
        up: the items.
        key: returns an item's key; all items with the same key are processed in one place.
        build: takes the state of an earlier run, or None; raises StateFormatError.
        on_incompatible: called with that error's text; ends the run. An exception would make the
            engine print pages of traceback.
    """

    def build_or_end(state: State | None) -> StatefulBatchLogic[In, Out, State]:
        try:
            return build(state)
        except StateFormatError as error:
            on_incompatible(str(error))

    keyed = op.key_on(f"{step_id}-keyed", up, key)
    return op.key_rm(f"{step_id}-done", op.stateful_batch(step_id, keyed, build_or_end))
