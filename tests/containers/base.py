"""A stand-in for Python's image on Docker Hub, made of this machine's own Debian packages."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.support.debian import find_or_install
from tests.support.flow import PROJECT

__all__ = ["IMPORT_OPTIONS", "write_base"]

# What the Dockerfile's steps, the images' commands and the health checks use of the system.
PACKAGES = (
    *("base-files", "base-passwd", "bash", "coreutils", "dash", "findutils", "grep", "hostname"),
    *("libc-bin", "libstdc++6", "login", "passwd", "python3", "python3-venv", "sed"),
)
LEFT_OUT = ("/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/lintian")
NOT_FOLLOWED = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
WHEELS = "/wheels"
# The build needs no network: pip finds the locked packages in the image, and checks their hashes.
IMPORT_OPTIONS = (
    "--change=ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    f"--change=ENV PIP_NO_INDEX=1 PIP_FIND_LINKS={WHEELS}",
)
DOWNLOAD_SECONDS = 300


def write_base(file: Path) -> None:
    """Write the root file system as a tar file, with the wheels of both images in it."""
    python = find_or_install(_python_with_venv, "python3-venv")
    wheels = _wheels(python)
    with tarfile.open(file, "w") as tar:
        for path in _files_of_packages():
            tar.add(path, str(path).lstrip("/"), recursive=False)
        for name in ("passwd", "group"):
            tar.add(f"/usr/share/base-passwd/{name}.master", f"etc/{name}")
        _add_link(tar, "usr/local/bin/python", python)
        tar.add(wheels, WHEELS.lstrip("/"))


def _python_with_venv() -> str | None:
    """Return the system's Python if it can make virtual environments."""
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        return None
    check = subprocess.run([python, "-c", "import ensurepip"], check=False, capture_output=True)
    return python if check.returncode == 0 else None


def _files_of_packages() -> list[Path]:
    """Return each file and folder of the packages and of what they depend on, by its real place."""
    options = [f"--no-{relation}" for relation in NOT_FOLLOWED]
    found = _output("apt-cache", "depends", "--recurse", "--installed", *options, *PACKAGES)
    names = {line for line in found.splitlines() if line and line[0] not in " <"}
    lines = _output("dpkg-query", "--listfiles", *sorted(names)).splitlines()
    paths = [Path(line) for line in lines if line.startswith("/") and line != "/."]
    places = {
        path.parent.resolve() / path.name for path in paths if not str(path).startswith(LEFT_OUT)
    }
    return sorted(place for place in places if place.exists() or place.is_symlink())


def _wheels(python: str) -> Path:
    """Return a folder with the wheels of both images, downloaded by pip if need be."""
    locked = PROJECT / "requirements-dashboard.txt"  # the flow's are among them
    version = _output(python, "--version").encode()
    name = hashlib.sha256(version + locked.read_bytes()).hexdigest()[:16]
    folder = PROJECT / ".local" / "containers" / f"wheels-{name}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            _download(python, locked, Path(temporary))
            Path(temporary, "wheels").rename(folder)
    return folder


def _download(python: str, locked: Path, folder: Path) -> None:
    _output(python, "-m", "venv", str(folder / "venv"))
    pip = [str(folder / "venv/bin/pip"), "download", "--quiet", "--disable-pip-version-check"]
    _output(*pip, "--require-hashes", "-r", str(locked), "--dest", str(folder / "wheels"))


def _output(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=DOWNLOAD_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _add_link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.SYMTYPE
    entry.linkname = target
    tar.addfile(entry)
