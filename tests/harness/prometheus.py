"""A real Prometheus for tests: free port, folder of its own, no process left behind. It scrapes what it is told."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from ws_deployment.lab.ports import free_ports
from ws_deployment.tools.provide import provide

#: Seconds between two scrapes.
INTERVAL = 1


@contextlib.contextmanager
def running_prometheus(folder: Path, targets: Sequence[str]) -> Iterator[str]:
    """Its address. `targets` are host:port of exporters."""
    program = provide("prometheus")["prometheus"].path
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "global": {"scrape_interval": f"{INTERVAL}s", "scrape_timeout": f"{INTERVAL}s"},
        "scrape_configs": [{"job_name": "test", "static_configs": [{"targets": list(targets)}]}],
    }
    (folder / "prometheus.yaml").write_text(json.dumps(config))  # JSON is YAML too
    for _ in range(4):
        (port,) = free_ports(1)
        argv = [
            str(program),
            f"--config.file={folder}/prometheus.yaml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
        try:
            if _ready(f"http://127.0.0.1:{port}", process):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            process.kill()
            process.wait()
    raise AssertionError((folder / "log").read_text())


def _ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether it came up; False where it ended, for lack of the port for example."""
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/-/ready", timeout=2).status_code == 200:
                return True
        time.sleep(0.05)
    return False
