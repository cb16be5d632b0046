"""Doubles of programs as things that can be started: a file a program, run by this very Python."""

from __future__ import annotations

import shlex
import socket
import sys
from pathlib import Path

import pytest

DOUBLES = Path(__file__).parents[1] / "doubles"


def double(name: str, folder: Path) -> str:
    """Write a program `name` into `folder` that is the double of that name, and return its path."""
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(DOUBLES / name))}.py "$@"\n')
    path.chmod(0o755)
    return str(path)


def reach_gpctl(folder: Path, bridge: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the double of gpctl talk to `bridge`, and write the kubeconfig by which the real one would find it."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for name, value in (("BRIDGE", bridge), ("PORT", str(port)), ("CONTEXT", "m"), ("NAMESPACE", "prod")):
        monkeypatch.setenv(f"GPCTL_DOUBLE_{name}", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    (folder / "kubeconfig").write_text(
        "{current-context: m, contexts: [{name: m, context: {cluster: c, user: u}}], clusters: [], users: []}"
    )
