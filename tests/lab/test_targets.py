"""What the bridge tells its Prometheus to scrape."""

from __future__ import annotations

import json
from pathlib import Path

from ws_deployment.clients.bridge.model import Api
from ws_deployment.lab.bridge.settings import Settings
from ws_deployment.lab.bridge.store import Cluster
from ws_deployment.lab.bridge.targets import Targets


def lab_cluster(lab_home: Path, name: str, port: int, metrics_port: int) -> Cluster:
    """A cluster of the lab, as it is registered at a bridge."""
    folder = lab_home / "clusters" / f"gp-stag-ws-{name}-eu-west1" / "ws-manager"
    folder.mkdir(parents=True)
    (folder.parent / "kubeconfig").write_text("{}")
    (folder / "config.json").write_text(json.dumps({"port": port, "metrics_port": metrics_port}))
    return Cluster(name, f"https://127.0.0.1:{port}", cordoned=True, score=50)


def test_registered_clusters_of_the_lab_are_told_by_their_short_names(tmp_path: Path) -> None:
    clusters = [
        lab_cluster(tmp_path, "eu16", 7016, 8016),
        Cluster("far", "https://far.example.com", cordoned=False, score=50),
        lab_cluster(tmp_path, "eu17", 7017, 8017),
    ]
    home = tmp_path / "meta"
    targets = Targets(Settings(home, "meta", Api.Y2021, 0, 0, tmp_path))
    file = home / "prometheus" / "targets.json"
    targets.tell(clusters)
    assert json.loads(file.read_text()) == [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"cluster": name, "__param_generation": "2021"}}
        for name, port in (("eu16", 8016), ("eu17", 8017))
    ]
    written = file.stat().st_ino
    targets.tell(clusters)
    assert file.stat().st_ino == written  # nothing for Prometheus to read anew
    targets.tell([])
    assert json.loads(file.read_text()) == []
    assert file.stat().st_mode & 0o777 == 0o600
