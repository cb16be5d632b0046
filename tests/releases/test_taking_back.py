"""What takes an upgrade back, on a real API server: former values, field by field, and nothing that has moved since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from harness.cluster_api import EXAMPLES
from harness.upgrade_run import CLUSTER, KCP, POOL, everything, make_clusters

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import ConflictKubeError
from ws_deployment.releases import marks
from ws_deployment.releases.applying import apply_plan
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.loader import load_catalogue
from ws_deployment.releases.plan import UpgradePlan
from ws_deployment.releases.planning import plan_upgrade
from ws_deployment.releases.taking_back import lines, take_back, what_to_take_back

pytestmark = pytest.mark.real

POOL_TITLE = "MachineDeployment {}/alpha-workers"


@pytest.fixture
def found(management: Kube, space: str) -> Management:
    make_clusters(management, space, ("alpha",))
    return Management(management, load_catalogue(EXAMPLES), marks.RELEASE)


def reversible(plan: UpgradePlan) -> UpgradePlan:
    """The plan as of a release whose versions can be taken back."""
    objects = tuple(
        replace(one, changes=tuple(replace(change, irreversible=False) for change in one.changes))
        for one in plan.objects
    )
    return replace(plan, objects=objects)


def edit(kube: Kube, kind: tuple[str, str], name: str, space: str, spec: dict[str, Any]) -> None:
    metadata = {"name": name, "namespace": space}
    kube.apply_fields({"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec}, "a-person")


def test_every_field_has_its_former_value_again(found: Management, space: str) -> None:
    before = everything(found.kube, space, "alpha")
    plan = reversible(plan_upgrade(found, "alpha", space, "20.1.0"))
    assert not what_to_take_back(found, plan).objects, "nothing was applied"
    apply_plan(found, plan)
    assert everything(found.kube, space, "alpha") != before

    back = what_to_take_back(found, plan)
    told = "\n".join(lines(back))
    assert "spec.version: v1.33.5 → v1.32.9" in told
    assert f'metadata.labels."{marks.RELEASE}": 20.1.0 → 20.0.0' in told
    assert [one.planned.kind for one in back.objects] == ["Cluster", "MachineDeployment", "KubeadmControlPlane"]
    assert back.left == (
        f"MachineHealthCheck {space}/alpha-workers",
        f"KubeadmConfigTemplate {space}/alpha-workers-20.1.0",
    )
    said: list[str] = []
    take_back(found, back, said.append)
    assert everything(found.kube, space, "alpha") == before
    assert said[0] == f"changed back Cluster {space}/alpha"
    assert not what_to_take_back(found, plan).objects, "what is back is not taken back again"

    take_back(found, what_to_take_back(found, plan, remove=True))
    assert not found.kube.list("cluster.x-k8s.io/v1beta2", "MachineHealthCheck", space)
    assert plan_upgrade(found, "alpha", space, "20.1.0").fingerprint == plan.fingerprint


def test_what_was_half_applied_is_taken_back_by_half(found: Management, space: str) -> None:
    before = everything(found.kube, space, "alpha")
    plan = reversible(plan_upgrade(found, "alpha", space, "20.1.0"))

    def end(line: str) -> None:
        if "KubeadmControlPlane" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_plan(found, plan, end)
    back = what_to_take_back(found, plan)
    assert [one.planned.kind for one in back.objects] == ["KubeadmControlPlane"]
    take_back(found, back)
    assert everything(found.kube, space, "alpha") == before


def test_irreversible_fields_are_named_and_never_written(found: Management, space: str) -> None:
    plan = plan_upgrade(found, "alpha", space, "20.1.0")
    apply_plan(found, plan)
    back = what_to_take_back(found, plan)
    assert back.irreversible == (
        f"{POOL_TITLE.format(space)}: spec.template.spec.version: v1.33.5 → v1.32.9",
        f"KubeadmControlPlane {space}/alpha-control-plane: spec.version: v1.33.5 → v1.32.9",
    )
    take_back(found, back)
    pool = found.kube.get(*POOL, "alpha-workers", space)
    assert pool
    assert pool["spec"]["template"]["spec"]["version"] == "v1.33.5"
    assert pool["spec"]["template"]["spec"]["bootstrap"]["configRef"]["name"] == "alpha-workers-20.0.0"
    assert "deletion" not in pool["spec"]["template"]["spec"]


def test_what_somebody_changed_since_is_told_and_overwritten_by_name_alone(found: Management, space: str) -> None:
    before = everything(found.kube, space, "alpha")
    plan = reversible(plan_upgrade(found, "alpha", space, "20.1.0"))
    apply_plan(found, plan)
    changed = {"deletion": {"nodeDrainTimeoutSeconds": 60}}
    pool = found.kube.get(*POOL, "alpha-workers", space)
    assert pool
    edit(found.kube, POOL, "alpha-workers", space, {"template": {"spec": changed}})
    edit(found.kube, KCP, "alpha-control-plane", space, {"replicas": 5})

    title = POOL_TITLE.format(space)
    back = what_to_take_back(found, plan)
    assert list(back.moved) == [title]
    assert "{'nodeDrainTimeoutSeconds': 60}, and the upgrade made it" in back.moved[title][0]
    take_back(found, what_to_take_back(found, plan, overwrite={title}))
    before["KubeadmControlPlane alpha-control-plane"]["spec"]["replicas"] = 5  # none of the plan's fields
    assert everything(found.kube, space, "alpha") == before


def test_a_change_in_the_same_moment_is_looked_at_again(found: Management, space: str) -> None:
    plan = reversible(plan_upgrade(found, "alpha", space, "20.1.0"))
    apply_plan(found, plan)
    back = what_to_take_back(found, plan)
    edit(found.kube, KCP, "alpha-control-plane", space, {"version": "v1.33.6"})
    with pytest.raises(ConflictKubeError):
        take_back(found, back)


def test_a_paused_cluster_is_not_touched(found: Management, space: str) -> None:
    plan = reversible(plan_upgrade(found, "alpha", space, "20.1.0"))
    apply_plan(found, plan)
    edit(found.kube, CLUSTER, "alpha", space, {"paused": True})
    assert what_to_take_back(found, plan).hindered == "Cluster alpha is paused (spec.paused)"


def test_what_an_upgrade_made_stays_in_a_cluster_that_is_paused_by_now(found: Management, space: str) -> None:
    plan = reversible(plan_upgrade(found, "alpha", space, "20.1.0"))
    apply_plan(found, plan)
    take_back(found, what_to_take_back(found, plan))
    edit(found.kube, CLUSTER, "alpha", space, {"paused": True})
    back = what_to_take_back(found, plan, remove=True)
    assert {one.planned.kind for one in back.objects} == {"KubeadmConfigTemplate", "MachineHealthCheck"}
    assert back.hindered == "Cluster alpha is paused (spec.paused)"
