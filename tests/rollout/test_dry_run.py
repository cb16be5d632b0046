"""A dry run changes nothing, anywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config
from harness.program import program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.kube import Kube
from ws_deployment.lab.cluster import list_clusters
from ws_deployment.lab.meta import meta_endpoint
from ws_deployment.tools.folders import state_path

pytestmark = pytest.mark.real

#: What the control plane itself writes all the time.
RESTLESS = {"Lease", "Event", "Node", "ComponentStatus"}


def objects(kubeconfig: Path) -> dict[str, Any]:
    """Resource versions of all objects of a cluster."""
    from kubernetes import config, dynamic  # noqa: PLC0415  heavy

    client = dynamic.DynamicClient(config.new_client_from_config(config_file=str(kubeconfig)))
    kube = Kube(kubeconfig)
    found = {}
    for resource in client.resources.search():
        if "list" in (resource.verbs or []) and resource.kind not in RESTLESS and not resource.kind.endswith("List"):
            for each in kube.list(resource.group_version, resource.kind):
                metadata = each["metadata"]
                key = f"{resource.kind}/{metadata.get('namespace')}/{metadata['name']}"
                found[key] = metadata["resourceVersion"]
    return found


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Mode and digest of every file, but for what the lab's own processes write."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "/lab/" not in str(path)
    }


def test_a_dry_run_over_a_living_fleet_changes_nothing(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    assert program("run", "-c", config, "--json", "--cluster-id", "1").code == 0
    (cluster,) = list_clusters()

    def everything() -> tuple[object, ...]:
        with BridgeClient(meta_endpoint("meta")) as bridge:
            registered = bridge.list()
        names = sorted(path.name for path in (state_path() / "lab").rglob("*") if path.is_dir())
        return objects(cluster.kubeconfig), registered, tree(state_path()), names

    before = everything()
    planned = program("run", "-c", config, "--dry-run")
    assert planned.code == 0, planned.err
    assert everything() == before


def test_a_dry_run_on_a_fresh_machine_starts_and_writes_nothing(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    planned = program("run", "-c", config, "--dry-run", "--cluster-id", "17")
    assert planned.code == 0, planned.err
    assert "gp-stag-ws-eu17-eu-west1" in planned.out
    assert not state_path().exists()
