"""From the scrape that makes a gate fail to the scores being back, as Prometheus and the bridge's log have the times.

A real shift of the lab, 20 times: the new cluster's starts begin to fail, a gate asks every second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fresh_lab import fresh_lab
from rows import Row

from ws_deployment.lab.bridge.starter import Order
from ws_deployment.lab.layout import meta_folder

TIMES = int(os.environ.get("TIMES", "20"))
#: Seconds between two looks of the gate.
INTERVAL = 1.0
PROGRAM = [sys.executable, "-m", "ws_deployment.cli.main"]
METRIC = "gitpod_ws_manager_mk2_workspace_starts_failure_total"
GATE = {
    "name": "failures",
    "query": f'sum({METRIC}{{cluster="{{{{cluster}}}}"}}) or vector(0)',
    "failWhen": ">= 1",
    "interval": INTERVAL,
}


def rows() -> list[Row]:
    taken = []
    with fresh_lab() as folder:
        config = _config(folder)
        _run(config, 1)
        for number in range(2, 2 + TIMES):
            taken.append(_turned_back(config, number))
            print(f"  {number - 1}: {taken[-1]:.2f} s", file=sys.stderr)
            # The failed starts of this cluster stay in its own metrics: the next one is another cluster.
            subprocess.run(
                [*PROGRAM, "lab", "cluster", "delete", f"gp-stag-ws-eu{number}-eu-west1"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
    return [
        Row(
            f"scrape that fails to weights back, worst of {TIMES}",
            max(taken),
            "the gate's interval",
            INTERVAL,
            "s",
            1,
            1,
        )
    ]


def _turned_back(config: Path, number: int) -> float:
    """Seconds from the first scrape with a failed start to the last write of the way back."""
    name = f"eu{number}"
    _run(config, number, sick=name)
    calls = [json.loads(line) for line in (meta_folder("meta") / "calls.jsonl").read_text().splitlines()]
    back = max(call["time"] for call in calls if call["method"] == "Update")
    return back - min(time for time, value in _samples(name) if value >= 1)


def _samples(name: str) -> list[tuple[float, float]]:
    """Raw samples of the last minutes: (seconds since the epoch, value), all series of the cluster."""
    status = json.loads(subprocess.check_output([*PROGRAM, "lab", "status", "--json"]))
    query = urllib.parse.urlencode({"query": f'{METRIC}{{cluster="{name}"}}[5m]'})
    url = status["metaClusters"][0]["prometheus"]["url"]
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=30) as answer:  # noqa: S310  of this machine
        series = json.load(answer)["data"]["result"]
    return [(float(time), float(value)) for one in series for time, value in one["values"]]


def _run(config: Path, number: int, sick: str = "") -> None:
    argv = [*PROGRAM, "run", "-c", str(config), "--json", "--yes", "--cluster-id", str(number)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout
        for line in running.stdout:
            event = json.loads(line)
            if sick and event["kind"] == "subtask.started" and event["data"]["name"] == "50%/watch":
                subprocess.run(
                    [*PROGRAM, "lab", "fault", sick, "--start-failures", "1"], check=True, stdout=subprocess.DEVNULL
                )
                _start(20)
    if running.returncode != (7 if sick else 0):
        sys.exit(f"the run ended with {running.returncode}")


def _start(count: int) -> None:
    port = json.loads((meta_folder("meta") / "ready").read_text())["metrics_port"]
    order = json.dumps(asdict(Order(kind="regular", count=count))).encode()
    urllib.request.urlopen(f"http://127.0.0.1:{port}/workspaces", order, timeout=90).close()


def _config(folder: Path) -> Path:
    path = folder / "config.yaml"
    shift = {"stages": [50, 100], "hold": 60, "measure": "off", "clusterLabel": "{name}", "gates": [GATE]}
    document: dict[str, Any] = {
        "version": "v1",
        "environment": "staging",
        "project": "bench",
        "metaClusters": [{"name": "meta", "region": "europe-west1", "type": "local"}],
        "workspaceClusters": [{"prefix": "eu", "region": "europe-west1", "governedBy": "meta", "type": "local"}],
        "pipeline": ["create-cluster", "register-cluster", {"step": "traffic-shift", "with": shift}],
    }
    path.write_text(json.dumps(document))
    return path
