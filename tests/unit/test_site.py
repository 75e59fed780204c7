"""The documentation site: whole, without a broken link, and by itself."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.flow import PROJECT

# What a page loads without being asked: scripts, pictures and frames by src, styles by link.
LOADED = re.compile(r"""\bsrc="([^"]+)"|<link\b[^>]*\bhref="([^"]+)"|url\(["']?([^)"']+)""")
# A link of each kind that can be broken, and where it is put.
BROKEN = {
    "README.md": "docs/records.md#nowhere",
    "CONTRIBUTING.md": "docs/nowhere.md",
    "CHANGELOG.md": "nowhere.py",
    "SECURITY.md": "docs/images",
    "docs/records.md": "#nowhere",
    "docs/adr/0001-batches-as-items.md": "../../docs/nowhere.png",
}


def build(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build a project's site as `make docs` does; --quiet would let warnings pass."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    return subprocess.run(
        [*command, "--site-dir", str(site)],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site; a link or anchor that leads nowhere, or a page without a place, is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = build(PROJECT, folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_all_papers_are_there(site: Path) -> None:
    """Each page of the papers is a page of the site."""
    papers = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
    pages = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    names = [paper.relative_to(PROJECT).with_suffix("") for paper in papers]
    missing = [name for name in names if name.with_name(_page(name.name)) not in pages]
    assert len(names) > len(BROKEN)
    assert missing == []


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    """Nobody but the site's host learns who reads it, and it can be read offline."""
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        loaded = ["".join(found) for found in LOADED.findall(path.read_text())]
        assert [one for one in loaded if re.match(r"(https?:)?//", one)] == [], path


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    """Links to pages, anchors, sources and pictures are all looked at, in every paper."""
    project = tmp_path / "project"
    ignored = shutil.ignore_patterns(".*", "tests", "__pycache__")
    shutil.copytree(PROJECT, project, ignore=ignored)
    for paper, link in BROKEN.items():
        with (project / paper).open("a") as file:
            file.write(f"\n[broken]({link})\n")
    done = build(project, tmp_path / "site")
    assert done.returncode == 1
    for paper, link in BROKEN.items():
        warning = f"^WARNING .*'{paper}' contains .*'{re.escape(link)}'"
        assert re.search(warning, done.stderr, re.MULTILINE), done.stderr


def test_every_decision_is_listed() -> None:
    """The decisions have no place in the menu, but a page that lists them."""
    folder = PROJECT / "docs" / "adr"
    linked = re.findall(r"\]\((0.*\.md)\)", (folder / "README.md").read_text())
    assert linked == sorted(path.name for path in folder.glob("0*.md"))


def _page(name: str) -> str:
    return "index" if name == "README" else name
