"""Which package may know which: arrows that point one way only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.flow import PROJECT

# Importing package: packages that it must not import.
FORBIDDEN = {
    "operators": {"connectors", "dataflows", "monitoring", "terminal"},
    "connectors": {"operators", "dataflows", "terminal"},
    "terminal": {"dataflows"},
    "monitoring": {"dataflows"},
    "supervision": {"connectors", "operators", "dataflows"},
}
PRODUCT = [
    folder.name
    for folder in PROJECT.iterdir()
    if (folder / "__init__.py").exists() and folder.name != "tests"
]


def imported(package: str) -> Iterator[tuple[Path, str]]:
    """Return each file of a package with each top-level package that it imports."""
    for path in (PROJECT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    yield from ((path, alias.name.partition(".")[0]) for alias in names)
                case ast.ImportFrom(module=str(module)):
                    yield path, module.partition(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_know_only_the_layers_below(package: str) -> None:
    """Operators know nothing of Kafka, connectors nothing of logins."""
    known = {name for _, name in imported(package)}
    assert known  # else nothing was looked at
    assert not known & FORBIDDEN[package]


@pytest.mark.parametrize("package", PRODUCT)
def test_no_package_of_the_product_needs_the_tests(package: str) -> None:
    """What only developers run stays out of the product and its images."""
    assert "tests" not in {name for _, name in imported(package)}
