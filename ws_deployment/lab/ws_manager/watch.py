"""Follows the workspace Pods of a cluster and tells the metrics what happens to them."""

from __future__ import annotations

import threading
from urllib.parse import quote

from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.ws_manager.cluster_api import ClusterApi
from ws_deployment.lab.ws_manager.metrics import WorkspaceMetrics

_PODS = f"/api/v1/namespaces/default/pods?labelSelector={quote('component=workspace')}"
#: Seconds before the next attempt after the API server did not answer.
PAUSE = 1.0


def follow(api: ClusterApi, metrics: WorkspaceMetrics, ended: threading.Event) -> None:
    """List, then watch, again and again until `ended`. An API server that is away is asked again."""
    first = True
    while not ended.is_set():
        try:
            _once(api, metrics, first=first)
            first = False
        except WsDeploymentError:
            ended.wait(PAUSE)


def _once(api: ClusterApi, metrics: WorkspaceMetrics, *, first: bool) -> None:
    told = api.get(_PODS)
    metrics.missing({pod["metadata"]["name"] for pod in told["items"]})
    for pod in told["items"]:
        # After a gap the list also holds Pods that were made in it: those count as started.
        metrics.observe("PRESENT" if first else "ADDED", pod)
    for event in api.watch(f"{_PODS}&resourceVersion={told['metadata']['resourceVersion']}"):
        if event["type"] == "ERROR":
            return
        metrics.observe(event["type"], event["object"])
