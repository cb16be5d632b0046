"""Clusters of the lab that take traffic, and what its Prometheus says of them."""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import Registration, TlsMaterial
from ws_deployment.lab.meta import LabMeta
from ws_deployment.lab.record import LabCluster
from ws_deployment.lab.ws_manager.cluster_api import ClusterApi

_PODS = "/api/v1/namespaces/default/pods?labelSelector=component%3Dworkspace"


def register(meta: LabMeta, short: str, cluster: LabCluster, score: int = 50) -> None:
    """Have `meta` place workspaces on `cluster`."""
    secret = ClusterApi(cluster.kubeconfig).get("/api/v1/namespaces/default/secrets/ws-manager-mk2-client-tls")
    with BridgeClient(meta.endpoint, meta.api) as client:
        client.register(Registration(short, cluster.url, TlsMaterial.from_secret(secret["data"])))
        client.set_score(short, score)
        client.uncordon(short)


def pods(cluster: LabCluster) -> int:
    """How many workspaces' Pods it has."""
    return len(ClusterApi(cluster.kubeconfig).get(_PODS)["items"])


def until_gone(*clusters: LabCluster) -> None:
    """Wait until no workspace's Pod is left."""
    end = time.monotonic() + 90
    while left := sum(pods(each) for each in clusters):
        assert time.monotonic() < end, f"{left} Pods are left"
        time.sleep(0.1)


def ask(url: str, query: str) -> float | None:
    """The one value of a query; None where there is none, or Prometheus does not answer."""
    try:
        told = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(told, timeout=90) as answer:
            found = json.loads(answer.read())["data"]["result"]
    except (OSError, http.client.HTTPException):
        return None
    assert len(found) <= 1, found
    return float(found[0]["value"][1]) if found else None


def until(url: str, query: str, done: Callable[[float | None], bool], patience: float = 60.0) -> float | None:
    """Ask until the value is as it should be, and return it."""
    end = time.monotonic() + patience
    while not done(value := ask(url, query)):
        assert time.monotonic() < end, f"{query} is {value}"
        time.sleep(0.1)
    return value
