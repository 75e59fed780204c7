"""A hook of MkDocs: which files are on the site, and where.

They have the same paths as in the repository, and what they link to is there too: pages outside
of docs/, and sources as they are. So a link is the same here, on a forge and in an editor.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

__all__ = ["on_files"]

PAPERS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
LINK = re.compile(r"\]\(([^)\s#:]+)[^)]*\)")  # its target; those on other hosts have a colon


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Return the theme's files, and the project's: papers, pages, and what those link to."""
    docs = Path(config.docs_dir)
    found = [docs.parent / paper for paper in PAPERS]
    found += [docs / file.src_uri for file in files if file.src_dir == config.docs_dir]
    found.remove(Path(__file__))
    for path in found:  # which grows
        found += [target for target in _targets(path) if target not in found]
    theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*theme, *(_file(path, docs.parent, config) for path in found)])


def _targets(path: Path) -> Iterator[Path]:
    """Return the files that a page links to; MkDocs itself warns of those that aren't there."""
    if path.suffix == ".md":
        links = LINK.findall(path.read_text(encoding="utf-8"))
        yield from filter(Path.is_file, ((path.parent / link).resolve() for link in links))


def _file(path: Path, root: Path, config: MkDocsConfig) -> File:
    where = path.relative_to(root).as_posix()
    return File(where, str(root), config.site_dir, config.use_directory_urls)
