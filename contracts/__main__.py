"""Write the contracts, and say what breaks the released ones.

python -m contracts              # as the code is now, into docs/contracts; and docs/settings.md
python -m contracts --release    # and keep them as those that others rely on from now on
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from contracts.asyncapi import VERSION, make_document
from contracts.compatibility import document_breaks, schema_breaks
from contracts.records import RECORDS
from contracts.settings_page import settings_page

__all__ = ["contract_files", "main", "released_breaks"]

FOLDER = Path(__file__).parents[1] / "docs" / "contracts"
SETTINGS_PAGE = FOLDER.parent / "settings.md"
DOCUMENT = "asyncapi.json"


def main(arguments: list[str]) -> int:
    """Write the files and return the exit status: 1 if they break what was released."""
    parser = argparse.ArgumentParser(prog="python -m contracts")
    parser.add_argument("--release", action="store_true", help="others rely on them from now on")
    release = parser.parse_args(arguments).release
    _write(FOLDER)
    SETTINGS_PAGE.write_text(settings_page())
    if found := released_breaks(FOLDER / "released"):
        print("\n".join(found), file=sys.stderr)
        print("a break needs a new first number of contracts.asyncapi.VERSION", file=sys.stderr)
        return 1
    if release:
        _write(FOLDER / "released")
    return 0


def contract_files() -> dict[str, bytes]:
    """Return the contracts as the code is now: each file's name and text."""
    files: dict[str, Any] = {record.file: record.schema() for record in RECORDS}
    files[DOCUMENT] = make_document()
    return {
        name: msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
        for name, content in files.items()
    }


def released_breaks(folder: Path) -> list[str]:
    """Return what breaks the released contracts, a line each; none if the version allows it.

    Args:
        folder: of the released contracts; if it holds none, nothing can break.
    """
    if not (folder / DOCUMENT).exists():
        return []
    released = _read(folder / DOCUMENT)
    if released["info"]["version"].split(".")[0] != VERSION.split(".")[0]:
        return []
    return document_breaks(released, make_document()) + [
        f"{record.name}: {line}"
        for record in RECORDS
        if (folder / record.file).exists()  # a topic that is new breaks nothing
        for line in schema_breaks(
            _read(folder / record.file), record.schema(), written=record.written
        )
    ]


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contract_files().items():
        (folder / name).write_bytes(text)


def _read(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
