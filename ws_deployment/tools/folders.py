"""Where the program keeps things between runs: state and cache folders by the XDG rules, readable by their owner alone.

What lies in them belongs to the rooms that write it; only the top of each tree is known here.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROGRAM = "ws-deployment"


def state_path() -> Path:
    """Where `state_home` is or would be; nothing is made."""
    return _path("XDG_STATE_HOME", ".local/state")


def state_home() -> Path:
    """What must not be lost (journal, Terraform state, the lab): `$XDG_STATE_HOME/ws-deployment`, made if missing.

    The variable is read at each call. macOS follows the same rules, so that one manual serves both.
    """
    return _home("XDG_STATE_HOME", ".local/state")


def cache_home() -> Path:
    """What can be had again (built programs, plugins): `$XDG_CACHE_HOME/ws-deployment`, made if missing."""
    return _home("XDG_CACHE_HOME", ".cache")


def private_folder(path: Path) -> Path:
    """Make `path` and what is missing above it, mode 0700, and return it."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def _path(variable: str, default: str) -> Path:
    # The XDG base directory specification wants relative paths ignored.
    given = os.environ.get(variable, "")
    return (Path(given) if given.startswith("/") else Path.home() / default) / _PROGRAM


def _home(variable: str, default: str) -> Path:
    return private_folder(_path(variable, default))
