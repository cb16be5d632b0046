"""Whether workloads are ready, and if not, why: the rules of `kubectl rollout status`, as pure functions of objects.

Waiting is waiting.py's; who owns which workloads is told by a release's manifest, not by labels that charts may lack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ws_deployment.clients.helm_diff import read_manifest
from ws_deployment.clients.kube import Kube, Object

#: Kinds that become ready, with the API that serves them.
WORKLOADS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
    "Pod": "v1",
    "PersistentVolumeClaim": "v1",
}


def release_lacks(kube: Kube, manifest: str, namespace: str) -> str:
    """What a release's workloads still wait for, in one line; empty when all are ready.

    `manifest` is the release's own; `namespace` holds for objects that name none.
    """
    wanted = {
        (key.kind, key.namespace or namespace, key.name) for key in read_manifest(manifest) if key.kind in WORKLOADS
    }
    return "; ".join(_lacks(kube, wanted))


def namespace_lacks(kube: Kube, namespace: str) -> str:
    """What the workloads of a whole namespace still wait for, in one line; empty when all are ready."""
    found = {
        (kind, namespace, one["metadata"]["name"])
        for kind, api in WORKLOADS.items()
        for one in kube.list(api, kind, namespace)
        if not one["metadata"].get("ownerReferences")
    }
    return "; ".join(_lacks(kube, found))


def lacks(workload: Object) -> str:
    """Why one workload is not ready; empty when it is."""
    status, spec = workload.get("status") or {}, workload.get("spec") or {}
    observed = status.get("observedGeneration")
    if observed is not None and observed < workload["metadata"].get("generation", 0):
        return "its newest version has not been looked at yet"
    return _RULES[workload["kind"]](spec, status) if workload["kind"] in _RULES else ""


def _lacks(kube: Kube, wanted: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    wanted = sorted(wanted)
    for kind, namespace in sorted({(kind, namespace) for kind, namespace, _ in wanted}):
        found = {one["metadata"]["name"]: one for one in kube.list(WORKLOADS[kind], kind, namespace)}
        for name in [name for k, n, name in wanted if (k, n) == (kind, namespace)]:
            if name not in found:
                yield f"{kind}/{name}: it does not exist"
            elif reason := lacks(found[name]):
                yield f"{kind}/{name}: {reason}{_pods_say(kube, found[name])}"


def _pods_say(kube: Kube, workload: Object) -> str:
    """What the first Pod of a workload that is not ready waits for; that is what people look up next."""
    selector = workload.get("spec", {}).get("selector", {})
    if not isinstance(selector, dict) or not (labels := selector.get("matchLabels")):
        return ""
    for pod in kube.list("v1", "Pod", workload["metadata"]["namespace"], selector=labels):
        if reason := lacks(pod):
            return f" (Pod {pod['metadata']['name']}: {reason})"
    return ""


def _deployment(spec: Object, status: Object) -> str:
    for condition in status.get("conditions", ()):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return str(condition.get("message", "it does not progress"))
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return str(condition.get("message", "its Pods can't be made"))
    wanted = spec.get("replicas", 1)
    if "observedGeneration" not in status:
        return "it has not been looked at yet"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} replicas are of the new version"
    if status.get("replicas", 0) > updated:
        return f"{status['replicas'] - updated} old replicas have not ended"
    return "" if available >= wanted else f"{available} of {wanted} replicas are available"


def _stateful_set(spec: Object, status: Object) -> str:
    wanted = spec.get("replicas", 1)
    if "observedGeneration" not in status:
        return "it has not been looked at yet"
    ready = status.get("readyReplicas", 0)
    if ready < wanted:
        return f"{ready} of {wanted} replicas are ready"
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return ""
    new = wanted - (strategy.get("rollingUpdate") or {}).get("partition", 0)
    updated = status.get("updatedReplicas", 0)
    return "" if updated >= new else f"{updated} of {new} replicas are of the new version"


def _daemon_set(_spec: Object, status: Object) -> str:
    if "observedGeneration" not in status:
        return "it has not been looked at yet"
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated < wanted:
        return f"{updated} of {wanted} nodes have the new version"
    return "" if available >= wanted else f"{available} of {wanted} nodes have it available"


def _job(_spec: Object, status: Object) -> str:
    for condition in status.get("conditions", ()):
        if condition["status"] == "True" and condition["type"] == "Complete":
            return ""
        if condition["status"] == "True" and condition["type"] == "Failed":
            return f"it failed: {condition.get('message', '')}"
    return "it has not completed"


def _pod(_spec: Object, status: Object) -> str:
    phase = status.get("phase", "Pending")
    if phase == "Succeeded":
        return ""
    conditions = {one["type"]: one for one in status.get("conditions", ())}
    if phase == "Running" and conditions.get("Ready", {}).get("status") == "True":
        return ""
    return _container_says(status) or _condition_says(conditions) or f"it is {phase}"


def _claim(_spec: Object, status: Object) -> str:
    phase = status.get("phase", "Pending")
    return "" if phase == "Bound" else f"it is {phase}, not Bound"


def _container_says(status: Object) -> str:
    for container in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
        state: dict[str, Any] = container.get("state") or {}
        said = state.get("waiting") or state.get("terminated") or {}
        if said.get("reason") and said.get("exitCode", 1) != 0:
            return f"{container['name']} {said['reason']}{_after_colon(said.get('message'))}"
    return ""


def _condition_says(conditions: dict[str, Object]) -> str:
    for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
        condition = conditions.get(kind, {})
        if condition.get("status") == "False":
            return f"{condition.get('reason', kind)}{_after_colon(condition.get('message'))}"
    return ""


def _after_colon(text: str | None) -> str:
    return f": {text}" if text else ""


_RULES: dict[str, Callable[[Object, Object], str]] = {
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "Pod": _pod,
    "PersistentVolumeClaim": _claim,
}
