"""The local HAProxy of configs/no-bridge.yaml, started and ended by that config's own program."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from ws_deployment.lab.ports import free_ports

PROGRAM = Path(__file__).parents[2] / "configs" / "no-bridge" / "haproxy.py"


@dataclass(frozen=True)
class Proxy:
    """A running proxy: where it serves, and the variables by which the program finds it."""

    address: str
    env: Mapping[str, str]

    def restart(self) -> None:
        """End it, and start it again with what it left behind."""
        _do("stop", self.env)
        deadline = time.monotonic() + 10
        while _do("start", self.env).returncode:  # the old one's port is free when it has ended
            assert time.monotonic() < deadline, _do("start", self.env)
            time.sleep(0.1)


@contextlib.contextmanager
def proxy(folder: Path) -> Iterator[Proxy]:
    """A proxy of its own in `folder`. Fails the test where HAProxy is not installed."""
    if not (shutil.which("haproxy") or Path("/usr/sbin/haproxy").exists()):
        pytest.fail("haproxy not found; `make system` installs it (needs root)", pytrace=False)
    [port] = free_ports(1)
    here = Path(sys.executable).parent
    env = {
        "PROXY_FOLDER": str(folder / "proxy"),
        "PROXY_PORT": str(port),
        "WS_DEPLOYMENT": str(here / "ws-deployment"),
        "PATH": f"{here}:{os.environ['PATH']}",
    }
    started = _do("start", env)
    assert started.returncode == 0, started
    try:
        yield Proxy(f"http://127.0.0.1:{port}", env)
    finally:
        _do("stop", env)


def _do(what: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(PROGRAM), what]
    return subprocess.run(argv, env=os.environ | env, capture_output=True, text=True, timeout=30, check=False)
