"""Plays Cluster API's controllers at a management cluster of the lab, as far as an upgrade sees: status follows spec.

No machine is made. How an upgrade goes is ordered by an annotation of the Cluster: `ws-deployment.lab/upgrade`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import TransientKubeError
from ws_deployment.releases.cluster_api import CLUSTER_LABEL

Object = Mapping[str, Any]

#: On a Cluster: `progress` (as without it), `stuck` or `failed`.
ORDER = "ws-deployment.lab/upgrade"
PROGRESS, STUCK, FAILED = "progress", "stuck", "failed"
ORDERS = (PROGRESS, STUCK, FAILED)
_MANAGER = "lab-cluster-api"
_CORE = "cluster.x-k8s.io/v1beta2"
_CONTROL_PLANE = ("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane")
_POOL = (_CORE, "MachineDeployment")
#: What of a spec machines are made of: a change of it makes them anew.
_MADE_OF = {
    "KubeadmControlPlane": ("version", "kubeadmConfigSpec", "machineTemplate"),
    "MachineDeployment": ("template",),
}
#: Machines that come before an upgrade that was ordered so goes no further.
_BEFORE_TROUBLE = 1
_NEVER_MADE = "the machine was never made: no such image"


@dataclass
class _Machines:
    """The machines of one object: what they are made of, how many are, and since when (seconds) nothing moved."""

    made_of: str
    version: str
    up_to_date: int
    since: float


class ClusterApi:
    """The controllers of one management cluster. What has no status yet they take for rolled out.

    A machine is made anew every `pace` seconds; workers follow when the control plane has come through. `namespace`
    None is all of them.
    """

    def __init__(
        self,
        kube: Kube,
        namespace: str | None = None,
        *,
        pace: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube, self._namespace, self._pace, self._clock = kube, namespace, pace, clock
        self._machines: dict[str, _Machines] = {}

    def play(self, stop: threading.Event, *, every: float = 0.2) -> None:
        """Reconcile every so many seconds until told to stop. An API that is out of reach for a moment is fine."""
        while not stop.wait(every):
            try:
                self.reconcile()
            except TransientKubeError:
                continue

    def reconcile(self) -> None:
        """One look at every cluster. Raises KubeError or TransientKubeError."""
        orders = {
            (one["metadata"]["namespace"], one["metadata"]["name"]): _order(one)
            for one in self._kube.list(_CORE, "Cluster", self._namespace)
        }
        waiting: set[tuple[str, str]] = set()
        for kind in (_CONTROL_PLANE, _POOL):
            for one in self._kube.list(*kind, self._namespace):
                name = (one["metadata"]["namespace"], (one["metadata"].get("labels") or {}).get(CLUSTER_LABEL, ""))
                if name in orders and not self._roll(one, orders[name], may_begin=name not in waiting):
                    waiting |= {name} if kind == _CONTROL_PLANE else set()

    def _roll(self, one: Object, order: str, *, may_begin: bool) -> bool:
        """Go on with one object; whether all of its machines are as its spec says."""
        spec, uid = one["spec"], one["metadata"]["uid"]
        wanted = int(spec.get("replicas", 1))
        made_of = json.dumps({key: spec.get(key) for key in _MADE_OF[one["kind"]]}, sort_keys=True)
        version = _version(one)
        machines = self._machines.setdefault(uid, self._found(one, made_of, wanted))
        if machines.made_of != made_of:
            machines.made_of, machines.up_to_date, machines.since = made_of, 0, self._clock()
        limit = wanted if order == PROGRESS else min(wanted, _BEFORE_TROUBLE)
        machines.up_to_date = min(machines.up_to_date, wanted)
        if may_begin and machines.up_to_date < limit and self._clock() - machines.since >= self._pace:
            machines.up_to_date += 1
            machines.since = self._clock()
        done = machines.up_to_date >= wanted
        if done:
            machines.version = version
        failed = order == FAILED and not done and machines.up_to_date >= limit
        self._report(one, machines, wanted, failed=failed)
        return done

    def _found(self, one: Object, made_of: str, wanted: int) -> _Machines:
        """The machines of an object that is new to this program: at rest, unless another began to roll them out."""
        status = one.get("status") or {}
        version = str(status.get("version") or _version(one))
        seen = status.get("observedGeneration", one["metadata"]["generation"]) == one["metadata"]["generation"]
        up_to_date = int(status.get("upToDateReplicas", wanted)) if seen else 0
        return _Machines(made_of, version, up_to_date, self._clock())

    def _report(self, one: Object, machines: _Machines, wanted: int, *, failed: bool) -> None:
        rolling = machines.up_to_date < wanted
        told = f"{machines.up_to_date} of {wanted} machines are up to date"
        status: dict[str, Any] = {
            "observedGeneration": one["metadata"]["generation"],
            "replicas": wanted,
            "readyReplicas": wanted,
            "availableReplicas": wanted,
            "upToDateReplicas": machines.up_to_date,
            "conditions": [_condition(one, "RollingOut", holds=rolling, message=told if rolling else "")],
        }
        if one["kind"] == _CONTROL_PLANE[1]:
            status["version"] = machines.version
        before = one.get("status") or {}
        if failed:
            trouble = _condition(one, "MachinesReady", holds=False, message=_NEVER_MADE)
            status["deprecated"] = {"v1beta1": {"conditions": [{**trouble, "severity": "Error"}]}}
        elif before.get("deprecated"):
            status["deprecated"] = None
        if any(before.get(key) != value for key, value in status.items()):
            self._kube.report(one, status, _MANAGER)


def _order(cluster: Object) -> str:
    """How the upgrade of a Cluster shall go; what nobody knows is as if nothing was said."""
    said = (cluster["metadata"].get("annotations") or {}).get(ORDER, PROGRESS)
    return said if said in ORDERS else PROGRESS


def _version(one: Object) -> str:
    return str(one["spec"].get("version", ""))


def _condition(one: Object, kind: str, *, holds: bool, message: str) -> dict[str, Any]:
    """A condition; one that says the same as before keeps its time."""
    said = {"type": kind, "status": str(holds), "reason": kind if holds else f"Not{kind}", "message": message}
    status = one.get("status") or {}
    old = (((status.get("deprecated") or {}).get("v1beta1") or {}).get("conditions")) or ()
    for former in (*(status.get("conditions") or ()), *old):
        if all(former.get(key) == value for key, value in said.items()):
            return {**said, "lastTransitionTime": former["lastTransitionTime"]}
    return {**said, "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
