"""The marks of run and fleet that a cluster bears: on an object of its own, else on Helm's records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ws_deployment.clients.helm_releases import Release
    from ws_deployment.clients.kube import Kube


def owner_marks(kube: Kube, releases: Sequence[Release], mark: str) -> Mapping[str, str]:
    """The labels that name its owner, of which `mark` is one; empty where it bears none.

    `releases` are those deployed on it.
    """
    own = kube.get("v1", "ConfigMap", "ws-deployment", "kube-system") or {"metadata": {}}
    marked = [release for release in releases if mark in release.labels]
    oldest = min(marked, key=lambda release: release.when).labels if marked else {}
    return own["metadata"].get("labels") or oldest
