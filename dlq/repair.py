"""A user's function that mends the value of a dead letter before it is sent back."""

from collections.abc import Callable
from importlib import import_module
from traceback import extract_tb

__all__ = ["Repair", "RepairError", "load_repair", "repaired"]

Repair = Callable[[bytes | None, str], bytes | None]
"""Takes a letter's value and reason; returns the value to send, or None to leave the letter."""


class RepairError(Exception):
    """The function can't be used, or failed; the text has nothing of a letter's value in it."""


def load_repair(name: str) -> Repair:
    """Import a function.

    Args:
        name: `module:function`, the module as in an import statement.

    Raises:
        RepairError: there is no such function, or its module can't be imported.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise RepairError(f"{name!r} should be MODULE:FUNCTION")
    try:
        module = import_module(module_name)
    except Exception as error:  # noqa: BLE001 - a user's module may raise anything
        raise RepairError(f"{module_name} can't be imported: {_one_line(error)}") from None
    function = getattr(module, function_name, None)
    if not callable(function):
        raise RepairError(f"{module_name} has no function {function_name}")
    repair: Repair = function
    return repair


def repaired(repair: Repair, value: bytes | None, reason: str) -> bytes | None:
    """Call the function.

    Raises:
        RepairError: it raised, or returned neither bytes nor None. The text says where, but doesn't
            repeat the exception's own: that may quote the value.
    """
    try:
        result: object = repair(value, reason)
    except Exception as error:  # noqa: BLE001 - a user's function may raise anything
        at = extract_tb(error.__traceback__)[-1]
        place = f"line {at.lineno} of {at.filename.rpartition('/')[2]}"
        raise RepairError(f"{type(error).__name__} in {place}") from None
    if result is None or isinstance(result, bytes):
        return result
    raise RepairError(f"it returned {type(result).__name__}, not bytes or None")


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
