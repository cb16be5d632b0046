from __future__ import annotations

from typing import Any

import pytest

from ws_deployment.clients.kube_ready import lacks


def workload(kind: str, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "x", "generation": 2}, "spec": spec or {}, "status": status}


def condition(kind: str, status: str, **more: str) -> dict[str, str]:
    return {"type": kind, "status": status, **more}


SEEN = {"observedGeneration": 2}
TWO = {"replicas": 2}
CRASH = {"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}}

READY = [
    workload("Deployment", TWO, **SEEN, replicas=2, updatedReplicas=2, availableReplicas=2),
    workload("Deployment", {"replicas": 0}, **SEEN),
    workload("StatefulSet", TWO, **SEEN, readyReplicas=2, updatedReplicas=2),
    workload(
        "StatefulSet",
        {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
        **SEEN,
        readyReplicas=3,
        updatedReplicas=1,
    ),
    workload("StatefulSet", {"replicas": 1, "updateStrategy": {"type": "OnDelete"}}, **SEEN, readyReplicas=1),
    workload("DaemonSet", **SEEN, desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2),
    workload("DaemonSet", **SEEN, desiredNumberScheduled=0),
    workload("Job", conditions=[condition("Complete", "True")]),
    workload("Pod", phase="Running", conditions=[condition("Ready", "True")]),
    workload("Pod", phase="Succeeded"),
    workload("PersistentVolumeClaim", phase="Bound"),
    workload("ConfigMap"),
]

UNREADY = [
    (workload("Deployment", TWO), "has not been looked at"),
    (workload("Deployment", TWO, observedGeneration=1, availableReplicas=2), "newest version has not been looked at"),
    (workload("Deployment", TWO, **SEEN, updatedReplicas=1), "1 of 2 replicas are of the new version"),
    (workload("Deployment", TWO, **SEEN, updatedReplicas=2, replicas=3), "1 old replicas have not ended"),
    (workload("Deployment", TWO, **SEEN, updatedReplicas=2, availableReplicas=1), "1 of 2 replicas are available"),
    (
        workload(
            "Deployment",
            TWO,
            **SEEN,
            conditions=[condition("Progressing", "False", reason="ProgressDeadlineExceeded", message="it timed out")],
        ),
        "it timed out",
    ),
    (
        workload("Deployment", TWO, **SEEN, conditions=[condition("ReplicaFailure", "True", message="quota exceeded")]),
        "quota exceeded",
    ),
    (workload("StatefulSet", TWO, **SEEN, readyReplicas=1), "1 of 2 replicas are ready"),
    (
        workload("StatefulSet", TWO, **SEEN, readyReplicas=2, updatedReplicas=1),
        "1 of 2 replicas are of the new version",
    ),
    (workload("DaemonSet", **SEEN, desiredNumberScheduled=2, updatedNumberScheduled=1), "1 of 2 nodes have the new"),
    (
        workload("DaemonSet", **SEEN, desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=1),
        "1 of 2 nodes have it available",
    ),
    (workload("Job", conditions=[condition("Failed", "True", message="backoff limit")]), "it failed: backoff limit"),
    (workload("Job", active=1), "not completed"),
    (workload("Pod", phase="Pending", containerStatuses=[CRASH]), "app CrashLoopBackOff: back-off 10s"),
    (
        workload("Pod", conditions=[condition("PodScheduled", "False", reason="Unschedulable", message="0/2 nodes")]),
        "Unschedulable: 0/2 nodes",
    ),
    (workload("Pod", phase="Failed"), "it is Failed"),
    (workload("PersistentVolumeClaim", phase="Pending"), "Pending, not Bound"),
]


@pytest.mark.parametrize("one", READY, ids=lambda one: one["kind"])
def test_ready(one: dict[str, Any]) -> None:
    assert lacks(one) == ""


@pytest.mark.parametrize(("one", "reason"), UNREADY)
def test_not_ready_and_why(one: dict[str, Any], reason: str) -> None:
    assert reason in lacks(one)
