"""The workspaces that the lab's meta cluster has started: real Pods, labelled as the real ones, in lab clusters."""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.bridge.settings import Settings
from ws_deployment.lab.ws_manager.cluster_api import ClusterApi

_PODS = "/api/v1/namespaces/default/pods"
_META = "ws-deployment.lab/meta"
_SESSION = "ws-deployment.lab/session"
#: Seconds between two looks at what is due to stop.
_TICK = 0.5


class Workspaces:
    """Starts, counts and stops the Pods of one meta cluster."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._apis: dict[str, tuple[float, ClusterApi]] = {}
        self._due: list[tuple[float, str, str]] = []
        self._closed = threading.Event()
        threading.Thread(target=self._stop_due, daemon=True, name="stop-due").start()

    def close(self) -> None:
        """Stop looking for what is due; the Pods stay."""
        self._closed.set()

    def start(self, cluster: str, workspace: str, kind: str, session: str, duration: float | None) -> None:
        """Make the Pod of a workspace. It is stopped after `duration` seconds. Raises WsDeploymentError."""
        self._api(cluster).post(_PODS, _pod(self._settings.name, workspace, kind, session))
        if duration is not None:
            with self._lock:
                heapq.heappush(self._due, (time.monotonic() + duration, cluster, workspace))

    def running(self, cluster: str) -> list[str]:
        """Workspaces that count as running on a cluster: as at the real server, no prebuilds and none that stops."""
        path = (
            f"{_PODS}?labelSelector={quote(f'component=workspace,workspaceType=regular,{_META}={self._settings.name}')}"
        )
        try:
            pods: list[dict[str, Any]] = self._api(cluster).get(path)["items"]
        except WsDeploymentError:
            # The real server looks into its own database; a cluster that is gone runs nothing.
            return []
        return [
            pod["metadata"]["labels"]["workspaceID"]
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"] and pod["status"].get("phase") in {"Pending", "Running"}
        ]

    def stop(self, session: str) -> None:
        """Stop all workspaces of a session, wherever they are."""
        selector = quote(f"component=workspace,{_META}={self._settings.name},{_SESSION}={session}")
        for kubeconfig in (self._settings.lab_home / "clusters").glob("*/kubeconfig"):
            with contextlib.suppress(WsDeploymentError):
                self._api(kubeconfig.parent.name).delete(f"{_PODS}?labelSelector={selector}")

    def _stop_due(self) -> None:
        while not self._closed.wait(_TICK):
            with self._lock:
                now = time.monotonic()
                due = []
                while self._due and self._due[0][0] <= now:
                    due.append(heapq.heappop(self._due))
            for _, cluster, workspace in due:
                with contextlib.suppress(WsDeploymentError):
                    self._api(cluster).delete(f"{_PODS}/{_name(workspace)}")

    def _api(self, cluster: str) -> ClusterApi:
        """The cluster's API. Read anew when its kubeconfig has changed: a name can come back as another cluster."""
        path = self._settings.kubeconfig(cluster)
        with self._lock:
            try:
                written = path.stat().st_mtime
                kept = self._apis.get(cluster)
                if kept is None or kept[0] != written:
                    self._apis[cluster] = (written, ClusterApi(path))
                return self._apis[cluster][1]
            except OSError as error:
                raise _unreachable(cluster, path) from error


def _unreachable(cluster: str, path: Path) -> WsDeploymentError:
    return WsDeploymentError("reaching cluster", on=cluster, why=f"the lab has no kubeconfig at {path}")


def _name(workspace: str) -> str:
    return f"ws-{workspace}"


def _pod(meta: str, workspace: str, kind: str, session: str) -> dict[str, Any]:
    labels = {
        "app": "gitpod",
        "component": "workspace",
        "gpwsman": "true",
        "headless": str(kind != "regular").lower(),
        "workspaceID": workspace,
        "workspaceType": kind,
        _META: meta,
        _SESSION: session,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _name(workspace), "labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "nodeSelector": {f"gitpod.io/workload_workspace_{'regular' if kind == 'regular' else 'headless'}": "true"},
            "containers": [
                {"name": "workspace", "image": "workspace", "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}
            ],
        },
    }
