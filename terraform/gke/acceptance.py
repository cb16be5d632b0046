"""Proves the cluster type `gke` on Google Cloud: makes one small cluster, takes it through a run, removes it.

    make gke-acceptance PROJECT=my-project [ZONE=europe-west1-b]

Costs about 0.30 USD (one zonal control plane and one e2-standard-4 for under an hour, list prices). It writes what it
saw to docs/gke-acceptance.md. A meta cluster is stood in for by a file: the cluster's own bridge is not what is proven.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ws_deployment.clients.gke import Gke
from ws_deployment.tools.folders import state_path

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "gke-acceptance.md"
CLUSTER_ID = 901
SMALL_POOL = {"machine_type": "e2-standard-4", "disk_size_gb": 50, "max_nodes": 1, "labels": {}}
#: A meta cluster as a JSON file: the whole of what registrar and router need.
META = """
import json, pathlib, sys
path = pathlib.Path(sys.argv[1]); request = json.load(sys.stdin)
known = json.loads(path.read_text()) if path.exists() else {}
action = request["action"]
if action == "write":
    one = known[request["write"]["cluster"]]
    if request["write"]["property"] == "score": one["score"] = request["write"]["value"]
    else: one["available"] = not request["write"]["value"]
path.write_text(json.dumps(known))
print(json.dumps({"registrations": [{"name": name, **one} for name, one in known.items()]}))
"""


def main() -> int:
    """Run the proof; 0 when everything was made, proven and removed."""
    project, zone = os.environ.get("PROJECT", ""), os.environ.get("ZONE", "europe-west1-b")
    if not project:
        print("usage: make gke-acceptance PROJECT=my-project [ZONE=europe-west1-b]", file=sys.stderr)
        return 2
    region = zone.rpartition("-")[0]
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder), project, zone, region)
        started = time.monotonic()
        program = [sys.executable, "-m", "ws_deployment.cli.main"]
        command = [*program, "run", "-c", str(config), "--cluster-id", str(CLUSTER_ID), "--yes", "--json"]
        run = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        events = [json.loads(line) for line in run.stdout.splitlines()]
        taken = {e["task"]: (e["data"]["status"], e["data"]["seconds"]) for e in events if e["kind"] == "task.finished"}
        names = [c["name"] for e in events if e["kind"] == "run.started" for c in e["data"]["clusters"]]
        removed = _remove(names, project, region)
    good = run.returncode == 0 and removed
    minutes = (time.monotonic() - started) / 60
    lines = [f"# GKE acceptance: {'passed' if good else 'FAILED'}", "", f"{zone}, {minutes:.0f} minutes.", ""]
    lines += [f"- {task}: {status} in {seconds:.0f} s" for task, (status, seconds) in taken.items()]
    lines += [f"- removed, nothing left: {'yes' if removed else 'NO, look at the project'}", ""]
    REPORT.write_text("\n".join(lines))
    print(REPORT.read_text())
    return 0 if good else 1


def _remove(names: list[str], project: str, region: str) -> bool:
    """Destroy through Terraform; true when its state is empty and Google knows no cluster of these names."""
    clean = True
    for name in names:
        instance = state_path() / "fleets" / "gke-acceptance" / name / "terraform"
        if not instance.exists():
            continue
        subprocess.run(["terraform", f"-chdir={instance}", "destroy", "-auto-approve"], check=False)
        left = subprocess.run(
            ["terraform", f"-chdir={instance}", "state", "list"], capture_output=True, text=True, check=False
        )
        clean = clean and not left.stdout.strip() and Gke(project).find(name, region) is None
    return clean


def _config(folder: Path, project: str, zone: str, region: str) -> Path:
    (folder / "meta.py").write_text(META)
    registered = {f"acc{CLUSTER_ID}": {"score": 50, "available": False}}
    (folder / "meta.json").write_text(json.dumps(registered))
    options = {"command": [sys.executable, str(folder / "meta.py"), str(folder / "meta.json")]}
    document = {
        "version": "v1",
        "name": "gke-acceptance",
        "environment": "staging",
        "project": {"id": project, "dnsZone": "acceptance.invalid"},
        "metaClusters": [{"name": "file", "region": region, "type": "existing", "bridge": {"address": "127.0.0.1:1"}}],
        "workspaceClusters": [{"prefix": "acc", "region": region, "type": "gke", "governedBy": "file"}],
        "terraform": {
            "variables": {
                "zone": zone,
                "domain": None,
                "node_pools": {
                    "all": {"machine_type": "e2-standard-4", "disk_size_gb": 50, "max_nodes": 1, "labels": {}}
                },
            }
        },
        "pipeline": [
            "create-cluster",
            "install-jaeger",
            {"step": "alive-test", "with": {"workspace": {"nodeSelector": {}}}},
            {"step": "traffic-shift", "with": {"via": "command", "options": options, "hold": 0}},
        ],
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(document))
    return path


if __name__ == "__main__":
    sys.exit(main())
