"""Whether a contract still holds: what may be added to it, and what would break it."""

from collections.abc import Callable, Mapping, Set
from typing import Any

__all__ = ["document_breaks", "schema_breaks"]

Object = Mapping[str, Any]

# Words for people; no validator refuses anything for them.
ANNOTATIONS = frozenset({"$id", "$schema", "$comment", "title", "description", "examples"})

# What a reader may come to take: what satisfied the old word satisfies the new one too.
_WIDER: dict[str, Callable[[Any, Any], bool]] = {
    "anyOf": lambda old, new: all(branch in new for branch in old),
    "enum": lambda old, new: set(old) <= set(new),
    "maximum": lambda old, new: new >= old,
    "maxLength": lambda old, new: new >= old,
    "minimum": lambda old, new: new <= old,
    "minLength": lambda old, new: new <= old,
}


def schema_breaks(released: Object, current: Object, *, written: bool) -> list[str]:
    """Return what in a schema breaks the released one, a line each; none if it holds.

    A record that this program writes may get new fields, and a field may come to be there always.
    For a record that it reads, what was taken must be taken still: new fields are not required,
    and ranges only grow. Anything else is a break, in doubt also what no reader would notice.

    Args:
        released: the schema that others rely on.
        current: the schema now.
        written: whether this program writes the record, rather than read it.
    """
    return _breaks(released, current, written, "the record")


def document_breaks(released: Object, current: Object) -> list[str]:
    """Return which topics of a released AsyncAPI document are gone or have another name."""
    found = []
    for name, channel in released["channels"].items():
        now = current["channels"].get(name)
        if now is None:
            found.append(f"{name}: the topic was removed")
        elif now["address"] != channel["address"]:
            found.append(f"{name}: the topic is called {now['address']} now")
    return found


def _breaks(old: Object, new: Object, written: bool, where: str) -> list[str]:
    found: list[str] = []
    for word in sorted((old.keys() | new.keys()) - ANNOTATIONS):
        was, now = old.get(word), new.get(word)
        if word == "properties" and now is not None:
            found += _property_breaks(was or {}, now, written, where)
        elif word in ("items", "additionalProperties") and was and now:
            found += _breaks(was, now, written, f"{where}, each value")
        elif word == "required":
            found += _required_breaks(set(was or ()), set(now or ()), written, where)
        elif was != now and (written or not _is_wider(word, was, now)):
            found.append(f"{where}: {word} was {was}, is {now}")
    return found


def _property_breaks(old: Object, new: Object, written: bool, where: str) -> list[str]:
    found = [f"{where}: {name} was removed" for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        found += _breaks(old[name], new[name], written, name)
    return found


def _required_breaks(
    old: Set[str],
    new: Set[str],
    written: bool,
    where: str,
) -> list[str]:
    """A writer may promise more, and a reader may ask for less."""
    if written:
        return [f"{where}: {name} may be absent now" for name in sorted(old - new)]
    return [f"{where}: {name} is required now" for name in sorted(new - old)]


def _is_wider(word: str, was: Any, now: Any) -> bool:
    """Tell whether a word refuses nothing that it took before; a word that's gone takes all."""
    if was is None:
        return False
    return now is None or (word in _WIDER and _WIDER[word](was, now))
