"""The page of all settings, made from their descriptions in settings.py."""

from typing import Any

from settings import Settings

__all__ = ["settings_page"]

PAGE = """# Settings

From the environment, or from a `.env` file in the working directory; the environment wins.
`python -m settings` prints those in force. A wrong value stops the start with one line that names
the setting, its value and what is allowed. Names never change. No two topics of the flows may have
the same name, derived ones such as `{{KAFKA_GROUP_ID}}-progress` included.

| name | default | values | what it does |
|---|---|---|---|
{rows}

`make contracts` writes this page from `settings.py`.
"""


def settings_page() -> str:
    """Return docs/settings.md as the code is now."""
    properties: dict[str, dict[str, Any]] = Settings.model_json_schema()["properties"]
    rows = (
        f"| `{name.upper()}` | {_default(setting['default'])} | {_values(setting)} | "
        f"{setting['description']} |"
        for name, setting in properties.items()
    )
    return PAGE.format(rows="\n".join(rows))


def _default(value: object) -> str:
    match value:
        case None:
            return "unset"
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _values(schema: dict[str, Any]) -> str:
    """Return what is allowed, where it is a choice or a range."""
    if "anyOf" in schema:  # a setting that may be unset
        schema = schema["anyOf"][0]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "maximum" in schema and "minimum" in schema:
        return f"{_number(schema['minimum'])} to {_number(schema['maximum'])}"
    if "maximum" in schema:
        return f"more than {_number(schema['exclusiveMinimum'])}, to {_number(schema['maximum'])}"
    if "minimum" in schema:
        return f"from {_number(schema['minimum'])}"
    return "true, false" if schema["type"] == "boolean" else ""


def _number(value: float) -> str:
    return f"{int(value):,}"
