"""The local rollout's wall time beside a shell script that does the same with the raw tools: one cluster, and three."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from fresh_lab import fresh_lab
from rows import Row

from ws_deployment.lab.meta import ensure_meta
from ws_deployment.tools.find import find

HERE = Path(__file__).parent
ROOT = HERE.parent
TIMES = 3
LIMIT, ALLOWANCE = 1.15, 1.0


def rows() -> list[Row]:
    made = []
    for clusters in (1, 3):
        ours, raw = [], []
        for _ in range(TIMES):
            raw.append(_raw(clusters))
            ours.append(_ours(clusters))
        pair = statistics.median(ours), "shell script, raw tools", statistics.median(raw), "s"
        made.append(Row(f"local rollout, {clusters} clusters", *pair, limit=LIMIT, allowance=ALLOWANCE))
    return made


def _ours(clusters: int) -> float:
    with fresh_lab() as folder:
        config = _config(folder, clusters)
        argv = [sys.executable, "-m", "ws_deployment.cli.main", "run", "-c", str(config), "--output", "plain"]
        started = time.perf_counter()
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return time.perf_counter() - started


def _raw(clusters: int) -> float:
    with fresh_lab() as folder:
        helm = find("helm")
        assert helm
        env = os.environ | {
            "TOOLS": str(find("kube-apiserver").path.parent),  # type: ignore[union-attr]  # built beside it
            "STAGES": str(ROOT / "ws_deployment" / "lab" / "stages"),
            "CHARTS": str(ROOT / "charts"),
            "PYTHON": sys.executable,
            "BRIDGE": ensure_meta("meta").endpoint,
            "HERE": str(HERE / "raw"),
        }
        homes = [folder / f"raw{number}" for number in range(clusters)]
        started = time.perf_counter()
        try:
            children = [subprocess.Popen([str(HERE / "raw" / "rollout.sh"), str(home)], env=env) for home in homes]
            if any(child.wait() for child in children):
                sys.exit("the raw rollout failed")
            return time.perf_counter() - started
        finally:
            for home in homes:
                _end(home)


def _end(home: Path) -> None:
    """End what create.sh started, by the ids that it wrote down."""
    pids = home / "pids"
    for pid in pids.read_text().split() if pids.exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def _config(folder: Path, clusters: int) -> Path:
    path = folder / "config.yaml"
    document = {
        "version": "v1",
        "environment": "staging",
        "project": "bench",
        "metaClusters": [{"name": "meta", "region": "europe-west1", "type": "local"}],
        "workspaceClusters": [
            {"prefix": prefix, "region": "europe-west1", "governedBy": "meta", "type": "local"}
            for prefix in "abc"[:clusters]
        ],
        "pipeline": [
            "create-cluster",
            "install-gitpod",
            "install-jaeger",
            "install-monitoring",
            "alive-test",
            "register-cluster",
            {"step": "traffic-shift", "with": {"stages": [100], "hold": 0}},
        ],
    }
    path.write_text(json.dumps(document))
    return path
