"""Configs for tests, written as users write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: The seven steps, without waits.
PIPELINE: list[Any] = [
    "create-cluster",
    "install-gitpod",
    "install-jaeger",
    "install-monitoring",
    "alive-test",
    "register-cluster",
    {"step": "traffic-shift", "with": {"stages": [50, 100], "hold": 0}},
]


def write_config(folder: Path, name: str = "config.yaml", **parts: Any) -> Path:
    """Write a config of one local cluster, with `parts` in the place of the same keys. JSON is YAML."""
    document = {
        "version": "v1",
        "environment": "staging",
        "project": "test",
        "metaClusters": [{"name": "meta", "region": "europe-west1", "type": "local"}],
        "workspaceClusters": [{"prefix": "eu", "region": "europe-west1", "governedBy": "meta", "type": "local"}],
        "pipeline": PIPELINE,
        **parts,
    }
    path = folder / name
    path.write_text(json.dumps(document, indent=2))
    return path
