"""The lab's stand-ins as processes of a test: started on free ports, ended with it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.certificates import Authority, write_pair

from ws_deployment.clients.bridge.model import TlsMaterial


def nowhere(ca: Path) -> str:
    """A kubeconfig whose API server nobody serves."""
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority": str(ca)}
    return json.dumps(
        {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
            "clusters": [{"name": "x", "cluster": cluster}],
            "users": [{"name": "x", "user": {"token": "none"}}],
        }
    )


@dataclass(frozen=True)
class Bridge:
    """A running bridge."""

    home: Path
    port: int
    metrics_port: int

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / "calls.jsonl").read_text().splitlines()]

    def writes(self) -> list[dict[str, Any]]:
        return [call for call in self.calls() if call["method"] != "List"]


@dataclass(frozen=True)
class WsManager:
    """A running ws-manager, and the client material that it takes."""

    url: str
    metrics_port: int
    client: TlsMaterial


@contextlib.contextmanager
def bridge(home: Path, api: str = "2026", **more: Any) -> Iterator[Bridge]:
    """Run a bridge on `home`, which keeps its state from one run to the next."""
    home.mkdir(parents=True, exist_ok=True)
    lab_home = more.pop("lab_home", home / "lab")
    told = {"port": 0, "metrics_port": 0, "api": api, "name": "meta", "lab_home": str(lab_home), **more}
    (home / "config.json").write_text(json.dumps(told))
    with _running("ws_deployment.lab.bridge", home, home / "ready") as ready:
        yield Bridge(home, ready["port"], ready["metrics_port"])


@contextlib.contextmanager
def ws_manager(home: Path, authority: Authority, kubeconfig: Path | None = None) -> Iterator[WsManager]:
    """Run a ws-manager on `home` with a certificate of `authority`."""
    folder = home / "ws-manager"
    write_pair(folder, authority.pair("ws-manager"))
    if kubeconfig is None:
        kubeconfig = home / "kubeconfig"
        kubeconfig.write_text(nowhere(folder / "ca.crt"))
    told = {"port": 0, "metrics_port": 0, "kubeconfig": str(kubeconfig)}
    (folder / "config.json").write_text(json.dumps(told))
    with _running("ws_deployment.lab.ws_manager", home, folder / "ready") as ready:
        yield WsManager(f"https://127.0.0.1:{ready['port']}", ready["metrics_port"], authority.pair("client"))


@contextlib.contextmanager
def _running(module: str, home: Path, ready: Path) -> Iterator[dict[str, Any]]:
    with (home / "log").open("a") as log:
        child = subprocess.Popen([sys.executable, "-m", module, "--home", str(home)], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 90
        while not ready.exists():
            assert child.poll() is None, (home / "log").read_text()
            assert time.monotonic() < end, f"{module} is not ready within 90 s"
            time.sleep(0.02)
        yield json.loads(ready.read_text())
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise
    assert child.returncode == 0, (home / "log").read_text()
    assert not ready.exists()
