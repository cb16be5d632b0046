"""The workspaces that the lab's meta cluster has started: real Pods, labelled as the real ones, in lab clusters."""

from __future__ import annotations

import contextlib
import heapq
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ws_deployment.errors import WsDeploymentError
from ws_deployment.lab.bridge.kubeconfigs import all_kubeconfigs, kubeconfig_of
from ws_deployment.lab.bridge.settings import Settings
from ws_deployment.lab.bridge.store import Cluster
from ws_deployment.lab.faults import cluster_fault
from ws_deployment.lab.ws_manager.cluster_api import ClusterApi

_PODS = "/api/v1/namespaces/default/pods"
_META = "lab.ws-deployment/meta"
_SESSION = "lab.ws-deployment/session"
#: Annotation: seconds since the epoch. A bridge that was restarted finds there what it still has to stop.
_STOP_AT = "lab.ws-deployment/stop-at"
#: What the lab's stages obey.
_FAULT = "ws-deployment.lab/fault"
_START_DELAY = "ws-deployment.lab/start-delay"
#: Seconds between two looks at what is due to stop, and until a cluster that was out of reach is asked again.
_TICK = 0.5
_AGAIN = 5.0


class Workspaces:
    """Starts, counts and stops the Pods of one meta cluster."""

    def __init__(self, settings: Settings) -> None:
        self._meta = settings.name
        self._lab_home = settings.lab_home
        # Not the placement's own draw: whoever is placed here shall not also be the one who fails.
        self._draw = random.Random(None if settings.seed is None else f"faults {settings.seed}")  # noqa: S311  no secret
        self._lock = threading.Lock()
        self._apis: dict[Path, tuple[float, ClusterApi]] = {}
        #: When (seconds since the epoch), in which cluster, which Pod is to be stopped.
        self._due: list[tuple[float, Path, str]] = []
        #: Sessions that are over, and how many starts of a session are under way.
        self._over: set[str] = set()
        self._starting: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._stopper = threading.Thread(target=self._stop_due, daemon=True, name="stop-due")
        self._stopper.start()

    def close(self) -> None:
        """Stop looking for what is due; the Pods stay."""
        self._closed.set()
        self._stopper.join(_TICK * 2)

    def start(self, cluster: Cluster, workspace: str, kind: str, session: str, duration: float | None) -> None:
        """Make the Pod of a workspace. It is stopped after `duration` seconds. Raises WsDeploymentError.

        Where the cluster is sick the Pod is told to fail, or to be slow, as often and as much as was ordered.
        """
        kubeconfig = kubeconfig_of(cluster, self._lab_home)
        pod = _pod(self._meta, workspace, kind, session)
        fault = cluster_fault(kubeconfig.parent)
        if fault.start_failures and self._draw.random() < fault.start_failures:
            pod["metadata"]["labels"][_FAULT] = "start"
        if fault.latency:
            pod["metadata"]["annotations"][_START_DELAY] = f"{1000 * fault.latency:.0f}ms"
        if duration is not None:
            due = time.time() + duration
            pod["metadata"]["annotations"][_STOP_AT] = f"{due:.1f}"
            with self._lock:
                heapq.heappush(self._due, (due, kubeconfig, pod["metadata"]["name"]))
        with self._under_way(session):
            self._api(kubeconfig).post(_PODS, pod)

    def running(self, cluster: Cluster) -> list[str]:
        """Workspaces that count as running on a cluster: as at the real server, no prebuilds and none that stops."""
        try:
            pods = self._list(kubeconfig_of(cluster, self._lab_home), ",workspaceType=regular")
        except WsDeploymentError:
            # The real server looks into its own database; a cluster that is gone runs nothing.
            return []
        return [
            pod["metadata"]["labels"]["workspaceID"]
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"] and pod["status"].get("phase") in {"Pending", "Running"}
        ]

    def stop(self, session: str) -> None:
        """Stop all workspaces of a session, wherever they are. It starts none from then on."""
        with self._changed:
            self._over.add(session)
            self._changed.wait_for(lambda: not self._starting[session])
        for kubeconfig in all_kubeconfigs(self._lab_home):
            with contextlib.suppress(WsDeploymentError):
                self._api(kubeconfig).delete(self._path(f",{_SESSION}={session}"))

    @contextlib.contextmanager
    def _under_way(self, session: str) -> Iterator[None]:
        with self._changed:
            if session in self._over:
                raise WsDeploymentError("starting a workspace of", on=session, why="the session is over")
            self._starting[session] += 1
        try:
            yield
        finally:
            with self._changed:
                self._starting[session] -= 1
                self._changed.notify_all()

    def _stop_due(self) -> None:
        self._remember_due()
        while not self._closed.wait(_TICK):
            with self._lock:
                due = []
                while self._due and self._due[0][0] <= time.time():
                    due.append(heapq.heappop(self._due))
            for _, kubeconfig, pod in due:
                self._stop_or_try_again(kubeconfig, pod)

    def _stop_or_try_again(self, kubeconfig: Path, pod: str) -> None:
        try:
            self._api(kubeconfig).delete(f"{_PODS}/{pod}")
        except WsDeploymentError:
            if kubeconfig.exists():  # else the cluster is gone, with all its Pods
                with self._lock:
                    heapq.heappush(self._due, (time.time() + _AGAIN, kubeconfig, pod))

    def _remember_due(self) -> None:
        for kubeconfig in all_kubeconfigs(self._lab_home):
            with contextlib.suppress(WsDeploymentError):
                for pod in self._list(kubeconfig):
                    if at := pod["metadata"].get("annotations", {}).get(_STOP_AT):
                        with self._lock:
                            heapq.heappush(self._due, (float(at), kubeconfig, pod["metadata"]["name"]))

    def _list(self, kubeconfig: Path, selector: str = "") -> list[dict[str, Any]]:
        pods: list[dict[str, Any]] = self._api(kubeconfig).get(self._path(selector))["items"]
        return pods

    def _path(self, selector: str) -> str:
        return f"{_PODS}?labelSelector={quote(f'component=workspace,{_META}={self._meta}{selector}')}"

    def _api(self, kubeconfig: Path) -> ClusterApi:
        """The cluster's API. Read anew when its kubeconfig has changed: a name can come back as another cluster."""
        try:
            written = kubeconfig.stat().st_mtime
            with self._lock:
                kept = self._apis.get(kubeconfig)
                if kept is None or kept[0] != written:
                    kept = self._apis[kubeconfig] = (written, ClusterApi(kubeconfig))
                return kept[1]
        except OSError as error:
            raise WsDeploymentError("reaching the cluster of", on=str(kubeconfig), why=str(error)) from error


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
        "metadata": {"name": f"ws-{workspace}", "labels": labels, "annotations": {}},
        "spec": {
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "nodeSelector": {f"gitpod.io/workload_workspace_{'regular' if kind == 'regular' else 'headless'}": "true"},
            "containers": [
                {"name": "workspace", "image": "workspace", "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}
            ],
        },
    }
