"""When an upgrade has come about, by what Cluster API's controllers tell."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ws_deployment.releases.arrival import arrival
from ws_deployment.releases.paths import path_of
from ws_deployment.releases.plan import Action, FieldChange, ObjectPlan, Rule, UpgradePlan

CHANGE = FieldChange(path_of("spec.version"), "v1.32.9", "v1.33.5", Rule.OVERWRITE)
PLANE = ObjectPlan("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane", "org", "a", Action.CHANGE)
PLAN = UpgradePlan(
    "a",
    "org",
    "20.0.0",
    "20.1.0",
    (ObjectPlan(**{**vars(PLANE), "changes": (CHANGE,), "result": {"spec": {"version": "v1.33.5"}}}),),
)
THERE: dict[str, Any] = {
    "apiVersion": PLANE.api_version,
    "kind": "KubeadmControlPlane",
    "metadata": {"name": "a", "namespace": "org", "generation": 2},
    "spec": {"version": "v1.33.5", "replicas": 3},
    "status": {
        "observedGeneration": 2,
        "version": "v1.33.5",
        "replicas": 3,
        "upToDateReplicas": 3,
        "availableReplicas": 3,
    },
}
ERROR = {"type": "MachinesReady", "status": "False", "severity": "Error", "reason": "x", "message": "no image"}


def told(status: dict[str, Any] | None = None, **spec: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    one = copy.deepcopy(THERE)
    one["spec"] |= spec
    one["status"] = {key: value for key, value in (one["status"] | (status or {})).items() if value is not None}
    here = arrival(PLAN, [one])
    return here.behind, here.failed


def erring(*conditions: dict[str, Any]) -> tuple[str, ...]:
    here = arrival(PLAN, [{**THERE, "status": THERE["status"] | {"conditions": list(conditions)}}])
    assert not here.failed
    return here.erring


def test_it_is_there_when_every_machine_is_of_it() -> None:
    assert told() == ((), ())
    assert told({"upToDateReplicas": None, "updatedReplicas": 3}) == ((), ()), "as v1beta1 tells it"


@pytest.mark.parametrize(
    ("status", "spec", "why"),
    [
        ({}, {"version": "v1.32.9"}, "does not have the release's spec.version yet"),
        ({"observedGeneration": 1}, {}, "its controller has not seen yet"),
        ({"observedGeneration": None}, {}, "no controller has told anything of it yet"),
        ({"upToDateReplicas": 1}, {}, "1 of 3 machines are up to date"),
        ({"availableReplicas": 2}, {}, "2 of 3 machines are available"),
        ({"replicas": 4}, {}, "4 machines are there, 3 are wanted"),
        ({"version": "v1.32.9"}, {}, "its oldest machine is of v1.32.9, not of v1.33.5"),
        (
            {"conditions": [{"type": "RollingOut", "status": "True", "message": "2 of 3"}]},
            {},
            "is rolling out (2 of 3)",
        ),
    ],
)
def test_what_is_behind_is_named(status: dict[str, Any], spec: dict[str, Any], why: str) -> None:
    behind, failed = told(status, **spec)
    assert why in " ".join(behind)
    assert behind[0].startswith("KubeadmControlPlane")
    assert not failed


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"failureReason": "CreateError", "failureMessage": "no quota"}, "has failed: no quota"),
        ({"deprecated": {"v1beta1": {"failureReason": "CreateError"}}}, "has failed: CreateError"),
        ({"phase": "Failed"}, "its phase is Failed"),
    ],
)
def test_what_has_failed_is_told_as_such(status: dict[str, Any], why: str) -> None:
    assert why in " ".join(told(status)[1])


def test_an_error_that_a_controller_may_get_over_is_told_apart() -> None:
    assert erring(ERROR) == ("KubeadmControlPlane a has failed: MachinesReady is False: no image",)
    older = copy.deepcopy(THERE)
    older["status"] |= {"deprecated": {"v1beta1": {"conditions": [ERROR]}}}
    assert arrival(PLAN, [older]).erring == erring(ERROR)


@pytest.mark.parametrize("severity", ["Warning", "Info", ""])
def test_what_is_no_error_is_not_told(severity: str) -> None:
    assert erring({**ERROR, "severity": severity}) == ()


def test_an_object_that_is_to_come_or_go_is_waited_for() -> None:
    new = ObjectPlan("v1", "ConfigMap", "org", "new", Action.CREATE)
    old = ObjectPlan("v1", "ConfigMap", "org", "old", Action.DELETE)
    plan = UpgradePlan("a", "org", "20.0.0", "20.1.0", (new, old))
    left = {"kind": "ConfigMap", "metadata": {"name": "old"}}
    assert arrival(plan, [left]).behind == (
        "ConfigMap org/new is not there yet",
        "ConfigMap org/old is not deleted yet",
    )
    assert arrival(plan, [{"kind": "ConfigMap", "metadata": {"name": "new"}}]).behind == ()
