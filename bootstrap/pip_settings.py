"""Hands pip's configuration on to uv, which doesn't read it: an index, a proxy, certificates.

pip itself says what its configuration is, as it knows all its files and their order.
"""

from __future__ import annotations

import ast
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["parse", "uv_environment", "uv_options"]

# From the weakest to the strongest; those of pip's other commands don't matter here.
SECTIONS = ("global", "install", ":env:")
# pip's options that uv knows by another name and takes as they are.
SAME_VALUE = {
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "index-url": ("UV_DEFAULT_INDEX",),
    "keyring-provider": ("UV_KEYRING_PROVIDER",),
    "proxy": ("HTTP_PROXY", "HTTPS_PROXY"),
}
KEYRING = ("disabled", "subprocess")  # what both know
YES = ("1", "true", "yes", "on")


def parse(listing: str) -> dict[str, str]:
    """Return the options in force for `pip install` from what `pip config list` prints."""
    options: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in options:
            options[section][option] = str(ast.literal_eval(value))
    return {option: value for section in SECTIONS for option, value in options[section].items()}


def uv_environment(pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which uv reaches what pip reaches.

    Args:
        pip: its options, as `parse` returns them.
        environment: this process's own; what it says to uv itself holds.
    """
    ours = {
        name: pip[option] for option, names in SAME_VALUE.items() if option in pip for name in names
    }
    if ours.get("UV_KEYRING_PROVIDER") not in KEYRING:
        ours.pop("UV_KEYRING_PROVIDER", None)
    if "extra-index-url" in pip:
        ours["UV_INDEX"] = " ".join(pip["extra-index-url"].split())
        # As pip does. What is installed doesn't depend on it, as each file's hash is in the lock.
        ours["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if "trusted-host" in pip:
        ours["UV_INSECURE_HOST"] = " ".join(pip["trusted-host"].split())
    if links := ",".join(_there(pip.get("find-links", "").split())):
        ours["UV_FIND_LINKS"] = links
    if _system_trusts_somebody():
        ours["UV_SYSTEM_CERTS"] = "1"  # as pip does; a company's own authority is there
    return {**ours, **environment}


def uv_options(pip: Mapping[str, str]) -> list[str]:
    """Return the options of uv's commands that no environment variable stands for."""
    return ["--no-index"] if pip.get("no-index", "").lower() in YES else []


def _there(links: Iterable[str]) -> list[str]:
    """Leave out folders that don't exist, as pip does: uv would fail."""
    return [link for link in links if "://" in link or Path(link).exists()]


def _system_trusts_somebody() -> bool:
    """Tell whether the system has certificates of authorities; a slim container has none."""
    paths = ssl.get_default_verify_paths()  # None for what doesn't exist
    in_folder = paths.capath and any(Path(paths.capath).iterdir())
    return sys.platform == "darwin" or bool(paths.cafile or in_folder)
