"""Which cluster a registration stands for, and whose lock is whose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config

from ws_deployment.cli.config_file import require
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine.meta_access import router, unshared
from ws_deployment.engine.survey import cluster_of
from ws_deployment.engine.traffic_view import onlooker, whole_fleet


def config(folder: Path, **parts: Any) -> ConfigV1:
    return require(write_config(folder, **parts))[0]


CLUSTERS = [
    {"prefix": "eu", "region": "europe-west1", "governedBy": "meta", "type": "local"},
    {"prefix": "us", "region": "us-west1", "governedBy": "meta", "type": "local", "name": "the-one"},
    {
        "prefix": "as",
        "region": "asia-east1",
        "governedBy": "meta",
        "type": "existing",
        "context": "x",
        "create": False,
        "name": "old42",
    },
]


@pytest.mark.parametrize(
    ("name", "cluster"),
    [
        ("eu17", "gp-stag-ws-eu17-eu-west1"),
        ("eu999", "gp-stag-ws-eu999-eu-west1"),
        ("us3", "the-one"),
        ("old42", "old42"),
        ("eu", None),
        ("eu0", None),
        ("eu017", None),
        ("eu1000", None),
        ("neu17", None),
        ("as17", None),
    ],
)
def test_a_registrations_name_leads_to_its_cluster(tmp_path: Path, name: str, cluster: str | None) -> None:
    found = cluster_of(config(tmp_path, workspaceClusters=CLUSTERS), name)
    assert (found[1].name if found else None) == cluster
    assert found is None or found[1].short_name == name


@pytest.mark.parametrize(
    ("meta", "alone"),
    [
        ({"type": "gke"}, True),
        ({"type": "gke", "bridge": {"address": "localhost:1"}}, True),
        ({"type": "gke", "bridge": {"kubernetes": {"context": "meta"}}}, False),
        ({"type": "gke", "bridge": {"address": "localhost:1"}, "kubernetes": {"context": "meta"}}, False),
        ({"type": "local"}, True),
        ({"type": "local", "kubernetes": {}}, False),
    ],
)
def test_which_lock_reaches_beyond_a_state_store(tmp_path: Path, meta: dict[str, Any], alone: bool) -> None:
    read = config(tmp_path, metaClusters=[{"name": "meta", "region": "europe-west1", **meta}])
    assert unshared(whole_fleet(read).meta_clusters) == (("meta",) if alone else ())


def test_traffic_moves_by_what_the_pipeline_says(tmp_path: Path) -> None:
    pipelines: dict[str, list[Any]] = {
        "BridgeRouter": ["create-cluster"],
        "CommandRouter": [{"step": "traffic-shift", "with": {"via": "command", "options": {"command": ["./move"]}}}],
    }
    for kind, pipeline in pipelines.items():
        read = config(tmp_path, pipeline=pipeline)
        fleet = whole_fleet(read)
        found = router(fleet, fleet.meta_clusters[0], onlooker(read, tmp_path / "c", tmp_path, name="test"))
        assert type(found).__name__ == kind
