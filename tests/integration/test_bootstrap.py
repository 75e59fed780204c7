"""What make does before a target: `.venv` gets what the target needs, with real pip and uv."""

import fcntl
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.flow import PROJECT
from tests.support.package_index import PackageIndex
from tests.support.processes import start_process
from tests.support.waiting import wait_until

RUN_SECONDS = 300
SYSCONFIG = (  # the least that uv takes; it adapts the paths in it
    "# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n"
)
CLOSED_PORT = 9  # nothing listens there
NO_DISTANT_NETWORK = {
    "http_proxy": f"http://127.0.0.1:{CLOSED_PORT}",
    "https_proxy": f"http://127.0.0.1:{CLOSED_PORT}",
    "no_proxy": "127.0.0.1",
}


@pytest.fixture(scope="session")
def uv() -> Path:
    """The folder with the locked uv: the one that set up these tests, or else made here."""
    subprocess.run(
        [sys.executable, "-c", "from bootstrap.uv import Uv; Uv()"],
        cwd=PROJECT,
        check=True,
        timeout=RUN_SECONDS,
    )
    return PROJECT / ".local" / "uv"


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    """A private index that has two packages."""
    with PackageIndex().served() as served:
        yield served


@dataclass
class Checkout:
    """A clone with small lock files: `make packages` installs one package, `dev-packages` two."""

    folder: Path
    environment: dict[str, str]

    def make(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run make, and return what became of it."""
        return subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
        )

    def lock(self, name: str, *lines: str) -> None:
        """Write a lock file."""
        (self.folder / f"requirements-{name}.txt").write_text("".join(lines))

    def version_of(self, module: str) -> str:
        """Return the installed version of a package."""
        python = self.folder / ".venv" / "bin" / "python"
        command = [str(python), "-c", f"import {module}; print({module}.VERSION)"]
        return subprocess.check_output(command, text=True).strip()


@pytest.fixture
def checkout(tmp_path: Path, uv: Path, index: PackageIndex) -> Checkout:
    """A fresh clone with the private index in pip's configuration, and uv already there."""
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copytree(
        PROJECT / "bootstrap", folder / "bootstrap", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("Makefile", "requirements-uv.txt"):
        shutil.copy(PROJECT / name, folder)
    (folder / ".local").mkdir()
    (folder / ".local" / "uv").symlink_to(uv)
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\n")
    environment = {
        "PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
        "PYTHON": sys.executable,
        **NO_DISTANT_NETWORK,
    }
    made = Checkout(folder, environment)
    lines = index.add("alpha"), index.add("beta")
    made.lock("run", lines[0])
    made.lock("dev", *lines)
    return made


def reason(done: "subprocess.CompletedProcess[str]") -> str:
    """Return the last line but make's own of something that failed."""
    assert done.returncode == 2
    *_, last, of_make = done.stderr.splitlines()
    assert of_make.startswith("make: ***")
    assert "Traceback" not in done.stderr
    return last


def test_a_private_index_in_pips_configuration_is_used(checkout: Checkout) -> None:
    """The packages come from pip's index, with its password, which nothing prints."""
    done = checkout.make("packages")
    assert done.returncode == 0, done.stderr
    assert checkout.version_of("alpha") == "1.0"
    log = (checkout.folder / ".local" / "setup.log").read_text()
    assert "let-me-in" not in done.stdout + done.stderr + log
    assert len(done.stderr.splitlines()) < 5


def test_once_installed_nothing_is_asked_or_said(checkout: Checkout, index: PackageIndex) -> None:
    """A second run needs no index, and a run after the tests' packages installs nothing."""
    checkout.make("dev-packages")
    asked = len(index.requests)
    index.stop()
    for _ in range(2):
        done = checkout.make("packages")
        assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(index.requests) == asked


def test_a_changed_lock_installs_the_difference(checkout: Checkout, index: PackageIndex) -> None:
    """Only what changed is downloaded, and what other targets installed stays."""
    checkout.make("dev-packages")
    before = len(index.requests)
    checkout.lock("run", index.add("alpha", "1.1"))
    assert checkout.make("packages").returncode == 0
    assert checkout.version_of("alpha") == "1.1"
    assert checkout.version_of("beta") == "1.0"
    assert {path for path in index.requests[before:] if "beta" in path} == set()


def test_what_was_tampered_with_is_not_installed(checkout: Checkout, index: PackageIndex) -> None:
    """A file with another hash than the lock's ends it, with the package's name in the reason."""
    line = index.add("alpha")
    checkout.lock("run", line.replace("sha256:", "sha256:0")[: len(line) - 1] + "\n")
    last = reason(checkout.make("packages"))
    assert "alpha" in last
    assert "ash" in last
    assert not list((checkout.folder / ".venv").rglob("alpha.py"))


@pytest.fixture
def without_uv(checkout: Checkout, index: PackageIndex) -> str:
    """A machine that has no uv yet; the index has a stand-in for it, and this is its line."""
    (checkout.folder / ".local" / "uv").unlink()
    line = index.add("uv")
    checkout.lock("uv", line)
    return line


def test_a_uv_that_was_tampered_with_is_not_installed(checkout: Checkout, without_uv: str) -> None:
    """pip refuses it, and the last line says so."""
    checkout.lock("uv", without_uv[:-5] + "0000\n")
    last = reason(checkout.make("packages"))
    assert "DO NOT MATCH THE HASHES" in last
    assert not list((checkout.folder / ".local").rglob("uv.py"))


@pytest.mark.usefixtures("without_uv")
def test_a_uv_that_pip_installs_elsewhere_is_one_line(checkout: Checkout, tmp_path: Path) -> None:
    """A target in pip's configuration, which holds for everything, is named as the cause."""
    last = reason(checkout.make("packages", PIP_TARGET=str(tmp_path / "elsewhere")))
    assert "`pip config list`" in last
    assert (tmp_path / "elsewhere" / "uv.py").exists()


@pytest.mark.usefixtures("without_uv")
def test_an_index_that_pip_can_not_reach_is_one_line(
    checkout: Checkout, index: PackageIndex
) -> None:
    """Not that there is no such package, which is what pip ends with."""
    index.stop()
    last = reason(checkout.make("packages", PIP_RETRIES="1"))
    assert "the package index can't be read" in last
    assert "refused" in last


def test_a_failed_download_leaves_what_worked(checkout: Checkout, index: PackageIndex) -> None:
    """With the index away each setup fails with a line that says so, and make run still works."""
    checkout.make("packages")
    index.stop()
    for _ in range(2):
        last = reason(checkout.make("dev-packages"))
    assert "refused" in last
    assert ".local/setup.log" in last
    assert checkout.make("packages").stderr == ""
    assert checkout.version_of("alpha") == "1.0"


def test_half_an_installation_is_made_again(checkout: Checkout) -> None:
    """After a setup that was killed nothing is trusted: a package may be there by half."""
    checkout.make("packages")
    venv = checkout.folder / ".venv"
    (venv / "installed-requirements-run.txt").unlink()
    (venv / "installing").touch()
    for module in venv.rglob("alpha.py"):
        module.unlink()
    assert checkout.make("packages").returncode == 0
    assert checkout.version_of("alpha") == "1.0"
    assert not (venv / "installing").exists()


def test_two_setups_at_once_take_turns(checkout: Checkout, tmp_path: Path) -> None:
    """The second waits for the first, with a line."""
    output = tmp_path / "output"
    with (checkout.folder / ".local" / "setup.lock").open("w") as lock, output.open("wb") as file:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "packages"]
        second = start_process(
            command, cwd=checkout.folder, env=checkout.environment, stdout=file, stderr=file
        )
        wait_until(lambda: "waiting for it" in output.read_text(), "the line")
        assert not (checkout.folder / ".venv").exists()
    assert second.wait(RUN_SECONDS) == 0, output.read_text()
    assert checkout.version_of("alpha") == "1.0"


def stand_in(path: Path, *answers: str) -> Path:
    """Write a program that answers as a Python that is asked for its version and folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + "".join(f"echo {answer}\n" for answer in answers))
    path.chmod(0o755)
    return path


def test_a_python_that_is_not_there_is_one_line(checkout: Checkout) -> None:
    """The line has what was given as PYTHON."""
    last = reason(checkout.make("packages", PYTHON="/nowhere/python3.12"))
    assert "PYTHON=/nowhere/python3.12 can't be run" in last


def test_a_python_that_is_not_supported_is_one_line(checkout: Checkout, tmp_path: Path) -> None:
    """The line has its version and which ones will do."""
    newer = stand_in(tmp_path / "python", "3", "13", "/usr", "/usr/bin/python3")
    last = reason(checkout.make("packages", PYTHON=str(newer)))
    assert "is Python 3.13: name a Python 3.11 or 3.12" in last


def test_another_python_makes_the_environment_again(checkout: Checkout) -> None:
    """An environment of another Python than PYTHON isn't kept, though its packages are right."""
    checkout.make("packages")
    python = checkout.folder / ".venv" / "bin" / "python"
    python.unlink()
    stand_in(python, "3", "11", "/elsewhere", "/elsewhere/bin/python3")
    assert checkout.make("packages").returncode == 0
    assert checkout.version_of("alpha") == "1.0"


def test_an_environment_whose_python_is_gone_is_made_again(checkout: Checkout) -> None:
    """As after an upgrade of the system."""
    checkout.make("packages")
    python = checkout.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    assert checkout.make("packages", PYTHON="").returncode == 0
    assert checkout.version_of("alpha") == "1.0"


def test_a_linked_environment_is_not_emptied(checkout: Checkout, tmp_path: Path) -> None:
    """Of a .venv that is a link the link alone is replaced: others may use what it names."""
    kept = tmp_path / "others" / "file"
    kept.parent.mkdir()
    kept.touch()
    (checkout.folder / ".venv").symlink_to(kept.parent)
    assert checkout.make("packages").returncode == 0
    assert kept.exists()


def test_without_any_python_one_line_says_so(checkout: Checkout, tmp_path: Path) -> None:
    """Make's last line says what to install."""
    make = shutil.which("make")
    assert make
    done = subprocess.run(
        [make, "packages"],
        cwd=checkout.folder,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "no Python 3.8 or newer" in line
    assert "python3-venv" in line


def without_supported_python(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which uv finds no Python but those that it brought itself."""
    return {
        "PYTHON": "",
        "UV_PYTHON_PREFERENCE": "only-managed",
        "UV_PYTHON_INSTALL_DIR": str(tmp_path / "pythons"),
    }


def test_where_no_python_can_be_brought_one_line_says_so(
    checkout: Checkout, tmp_path: Path
) -> None:
    """It has the cause, and what to do instead."""
    done = checkout.make("packages", **without_supported_python(tmp_path))
    last = reason(done)
    assert "there is no Python 3.11 or 3.12, and uv can't bring one" in last
    assert "refused" in last
    assert "make PYTHON=" in last
    assert "uv brings one" in done.stderr


def test_a_python_is_brought_where_there_is_none(checkout: Checkout, tmp_path: Path) -> None:
    """uv downloads one, and the packages are installed for it; a stand-in for the distant file."""
    listing = tmp_path / "pythons.json"
    listing.write_text(json.dumps({"stand-in": downloadable_python(tmp_path)}))
    environment = without_supported_python(tmp_path)
    done = checkout.make("packages", **environment, UV_PYTHON_DOWNLOADS_JSON_URL=listing.as_uri())
    assert done.returncode == 0, done.stderr
    assert "uv brings one" in done.stderr
    assert checkout.version_of("alpha") == "1.0"
    assert list((tmp_path / "pythons").glob("cpython-*"))


def downloadable_python(tmp_path: Path) -> dict[str, object]:
    """Return an entry of uv's list of Pythons: an archive with this test's own Python in it."""
    major, minor, patch = sys.version_info[:3]
    root = tmp_path / "python"
    program = stand_in(root / "bin" / "python")
    program.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).resolve()}" "$@"\n')
    for name in ("python3", f"python{major}.{minor}"):
        shutil.copy(program, program.with_name(name))
    library = root / "lib" / f"python{major}.{minor}"
    library.mkdir(parents=True)
    (library / "_sysconfigdata_.py").write_text(SYSCONFIG)
    archive = tmp_path / "python.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(root, "python")
    return {
        "name": "cpython",
        "arch": {"family": platform.machine().replace("arm64", "aarch64"), "variant": None},
        "os": sys.platform,
        "libc": "gnu" if sys.platform == "linux" else "none",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": archive.as_uri(),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "variant": None,
        "build": "20260101",
    }
