"""JSON Schemas of records: generated from their structs, plus what a struct can't say.

They keep to the words that JSON Schema 2020-12 shares with draft-07, which AsyncAPI documents are
written in, so that both kinds of tools can read them.
"""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Schema", "make_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_attribute = re.compile(r"^    (\w+): ", re.MULTILINE)


def make_schema(
    struct: type[msgspec.Struct], details: Mapping[str, Schema], *, written: bool
) -> Schema:
    """Return the schema of a record.

    Args:
        struct: the record's; its docstring gives the descriptions.
        details: by attribute, keywords on top of those of its type, or in place of them.
        written: whether the flow writes the record: then all that has a default is there too.
    """
    _, components = msgspec.json.schema_components([struct])
    schema: Schema = {"$schema": DIALECT, **components[struct.__name__]}
    schema["description"], descriptions = _described(struct)
    names = dict(zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True))
    for attribute, name in names.items():
        found = {**schema["properties"][name], **details.get(attribute, {})}
        found.pop("default", None)
        schema["properties"][name] = {"description": descriptions[attribute], **found}
    if written and not struct.__struct_config__.omit_defaults:
        schema["required"] = list(names.values())
    return schema


def _described(struct: type[msgspec.Struct]) -> tuple[str, dict[str, str]]:
    """Part a struct's docstring into what it says of the whole, and of each attribute."""
    whole, _, attributes = inspect.cleandoc(struct.__doc__ or "").partition("\n\nAttributes:\n")
    _, *found = _attribute.split(attributes)
    texts = {name: " ".join(text.split()) for name, text in zip(*[iter(found)] * 2, strict=True)}
    return "\n\n".join(" ".join(part.split()) for part in whole.split("\n\n")), texts
