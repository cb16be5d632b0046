"""Plans and their applying on a real API server, with Cluster API's own CRDs and the examples of configs/releases."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import pytest
from harness.cluster_api import EXAMPLES, apply_as_user
from harness.release_cases import kept_line, line

from ws_deployment.clients.kube import Kube
from ws_deployment.errors import RefusedError, StalePlanError, UsageError
from ws_deployment.releases import marks
from ws_deployment.releases.applying import apply_plan
from ws_deployment.releases.definition import Definition, Entry, Policy
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.inverse import undone
from ws_deployment.releases.loader import load_catalogue
from ws_deployment.releases.owned import cleaned
from ws_deployment.releases.patterns import Pattern
from ws_deployment.releases.plan import Action, Rule, UpgradePlan
from ws_deployment.releases.planning import Wishes, fit, fit_all, plan_all, plan_upgrade
from ws_deployment.releases.staleness import is_done
from ws_deployment.releases.writing import MANAGER

pytestmark = pytest.mark.real

KCP = ("controlplane.cluster.x-k8s.io/v1beta2", "KubeadmControlPlane")
POOL = ("cluster.x-k8s.io/v1beta2", "MachineDeployment")
REF, OLD, NEW = "spec.template.spec.bootstrap.configRef.name", '"alpha-workers-20.0.0"', '"alpha-workers-20.1.0"'
KEEP = Entry("KubeadmControlPlane", Pattern.of("spec.replicas"), Policy.KEEP, "an answer")


@pytest.fixture
def clusters(management: Kube, space: str) -> Management:
    for file in sorted((EXAMPLES / "clusters").glob("*.yaml")):
        apply_as_user(management, file.read_text().replace("namespace: clusters", f"namespace: {space}"))
    return Management(management, load_catalogue(EXAMPLES), marks.RELEASE)


def lines(plan: UpgradePlan) -> list[str]:
    """What the plan does, as cases write it."""
    told = []
    for one in plan.objects:
        told += [f"{one.action} {one.kind} {one.name}"] if one.action is not Action.NONE else []
        told += [f"  {line(change)}" for change in one.changes]
        told += [f"  = {kept_line(kept)}" for kept in one.kept]
    return told


def everything(kube: Kube, space: str) -> dict[str, Any]:
    """All objects of the kinds of the examples, as the API has them."""
    kinds = [KCP, POOL, ("cluster.x-k8s.io/v1beta2", "Cluster"), ("cluster.x-k8s.io/v1beta2", "MachineHealthCheck")]
    kinds.append(("bootstrap.cluster.x-k8s.io/v1beta2", "KubeadmConfigTemplate"))
    found = [one for version, kind in kinds for one in kube.list(version, kind, space)]
    return {f"{one['kind']} {one['metadata']['name']}": one for one in found}


def bare(one: dict[str, Any]) -> dict[str, Any]:
    """An object without what every write changes by itself."""
    one = copy.deepcopy(one)
    for key in ("resourceVersion", "generation", "managedFields"):
        one["metadata"].pop(key)
    return one


def test_a_cluster_is_planned_applied_and_planned_again(clusters: Management, space: str) -> None:
    before = everything(clusters.kube, space)
    plan = plan_upgrade(clusters, "alpha", space, "20.1.0")
    assert not plan.problems
    assert lines(plan) == [
        "create KubeadmConfigTemplate alpha-workers-20.1.0",
        "create MachineHealthCheck alpha-workers",
        "change KubeadmControlPlane alpha-control-plane",
        '  ~ spec.version: "v1.32.9" -> "v1.33.5" (overwrite, disruptive, irreversible)',
        "change MachineDeployment alpha-workers",
        '  ~ spec.template.spec.version: "v1.32.9" -> "v1.33.5" (overwrite, disruptive, irreversible)',
        f"  ~ {REF}: {OLD} -> {NEW} (overwrite, disruptive)",
        "  + spec.template.spec.deletion.nodeDrainTimeoutSeconds: 600 (empty)",
        "change Cluster alpha",
        '  ~ metadata.labels."ws-deployment.dev/release": "20.0.0" -> "20.1.0" (release)',
    ]
    assert plan.objects[2].changes[0].held_by == ("kubectl",)
    assert plan.objects[2].changes[0].entry.startswith("mutable-fields.yaml:")
    assert everything(clusters.kube, space) == before, "planning stores nothing"

    apply_plan(clusters, plan)
    after = everything(clusters.kube, space)
    for planned in plan.objects:
        there = after[f"{planned.kind} {planned.name}"]
        assert cleaned(there)["spec"] == (planned.result or {})["spec"]
        for change in planned.changes:
            holders = [
                one["manager"] for one in there["metadata"]["managedFields"] if change.path[-1] in str(one["fieldsV1"])
            ]
            assert MANAGER in holders
    untouched = {name for name in before if " alpha" not in name or name.endswith("-20.0.0")}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    # All that is not in the diff is as it was.
    for name in before.keys() - untouched:
        planned = next(one for one in plan.objects if f"{one.kind} {one.name}" == name)
        assert undone(bare(after[name]), planned.changes, before[name]) == bare(before[name])

    again = plan_upgrade(clusters, "alpha", space, "20.1.0")
    assert again.empty
    assert not again.problems
    assert apply_plan(clusters, plan).written == (), "what is done is not done again"


def test_what_a_person_decided_is_kept_over_two_upgrades(clusters: Management, space: str) -> None:
    plan = plan_upgrade(clusters, "beta", space, "20.1.0")
    apply_plan(clusters, plan)
    template = clusters.kube.get(
        "bootstrap.cluster.x-k8s.io/v1beta2", "KubeadmConfigTemplate", "beta-workers-20.1.0", space
    )
    assert template is not None
    arguments = template["spec"]["template"]["spec"]["joinConfiguration"]["nodeRegistration"]["kubeletExtraArgs"]
    assert arguments == [{"name": "max-pods", "value": "110"}], "the definition overwrites the kubelet's flags"

    asked = plan_upgrade(clusters, "beta", space, "21.0.0")
    assert [kept.path for _, kept in asked.questions] == [("spec", "replicas")]
    with pytest.raises(RefusedError, match=r"nobody has answered: .*replicas"):
        apply_plan(clusters, asked)
    plan = plan_upgrade(clusters, "beta", space, "21.0.0", wishes=Wishes(answers=(KEEP,)))
    assert not plan.problems
    told = "\n".join(lines(plan))
    assert (
        '= spec.kubeadmConfigSpec.clusterConfiguration.apiServer.extraArgs[name=audit-log-maxage].value: "180"' in told
    )
    assert "- spec.kubeadmConfigSpec.clusterConfiguration.apiServer.extraArgs[name=profiling]" in told
    assert '+ metadata.labels."acme.example/tier": "gold" (renamed, by hand)' in told
    apply_plan(clusters, plan)
    found = clusters.kube.get(*KCP, "beta-control-plane", space)
    assert found is not None
    assert found["spec"]["kubeadmConfigSpec"]["clusterConfiguration"]["apiServer"]["extraArgs"] == [
        {"name": "audit-log-maxage", "value": "180"},
        {"name": "service-account-extend-token-expiration", "value": "false"},
    ]
    assert found["spec"]["replicas"] == 3
    assert "level: Request" in found["spec"]["kubeadmConfigSpec"]["files"][0]["content"]
    pool = clusters.kube.get(*POOL, "beta-gpu", space)
    assert pool is not None
    # What the first upgrade had set stays, although the second does not set it again.
    assert pool["spec"]["template"]["spec"]["deletion"] == {"nodeDrainTimeoutSeconds": 600}
    labels = clusters.cluster("beta", space)["metadata"]["labels"]
    assert "tier" not in labels
    assert (labels["acme.example/tier"], labels["team"], labels[marks.RELEASE]) == ("gold", "search", "21.0.0")
    assert plan_upgrade(clusters, "beta", space, "21.0.0").empty


@pytest.mark.parametrize(
    ("cluster", "to", "why"),
    [
        ("alpha", "21.0.0", "21.0.0 is not upgraded to from 20.0.0; allowed are >=20.1.0 <21.0.0"),
        ("gamma", "20.0.0", "20.0.0 is older: upgrades go forward only"),
        ("epsilon", "20.1.0", r"is paused \(spec.paused\)"),
    ],
)
def test_what_stands_in_the_way_is_told_and_not_applied(
    clusters: Management, space: str, cluster: str, to: str, why: str
) -> None:
    plan = plan_upgrade(clusters, cluster, space, to)
    with pytest.raises(RefusedError, match=why):
        apply_plan(clusters, plan)


def test_a_cluster_under_way_is_refused_when_planned_and_when_applied(clusters: Management, space: str) -> None:
    plan = plan_upgrade(clusters, "alpha", space, "20.1.0")
    status = {"conditions": [condition("RollingOut", "True", "Upgrading", "2 of 3 machines are up to date")]}
    patch_status(clusters.kube, *KCP, "alpha-control-plane", space, status)
    with pytest.raises(RefusedError, match="alpha-control-plane is rolling out"):
        apply_plan(clusters, plan)
    assert "2 of 3 machines" in plan_upgrade(clusters, "alpha", space, "20.1.0").problems[0].why
    patch_status(
        clusters.kube, *KCP, "alpha-control-plane", space, {"conditions": [condition("RollingOut", "False", "x", "")]}
    )
    # A new status is no move: the plan of before still holds.
    apply_plan(clusters, plan)


def test_what_flux_writes_is_not_applied(clusters: Management, space: str) -> None:
    plan = plan_upgrade(clusters, "delta", space, "20.1.0")
    assert not plan.problems
    owners = {one.owner for one in plan.objects if one.action is Action.CHANGE}
    assert owners == {"Flux Kustomization flux-system/clusters"}
    with pytest.raises(RefusedError, match="upgrade commit") as caught:
        apply_plan(clusters, plan)
    assert "Flux Kustomization flux-system/clusters" in caught.value.why


def test_a_cluster_that_moved_since_is_refused_with_the_difference(clusters: Management, space: str) -> None:
    plan = plan_upgrade(clusters, "alpha", space, "20.1.0")
    person(clusters.kube, *KCP, "alpha-control-plane", space, {"spec": {"replicas": 5}})
    with pytest.raises(StalePlanError, match=r"spec\.replicas was 3, is 5"):
        apply_plan(clusters, plan)
    person(clusters.kube, *POOL, "alpha-workers", space, {"spec": {"template": {"spec": {"version": "v1.32.10"}}}})
    with pytest.raises(StalePlanError) as caught:
        apply_plan(clusters, plan)
    assert "spec.replicas was 3, is 5" in caught.value.why
    assert "spec.template.spec.version was 'v1.32.9', is 'v1.32.10'" in caught.value.why
    assert fit(clusters, "alpha", space).version == "20.0.0", "nothing was touched"


def test_a_change_in_the_midst_of_applying_stops_it_and_what_was_done_is_said(clusters: Management, space: str) -> None:
    plan = plan_upgrade(clusters, "alpha", space, "20.1.0")

    def meanwhile(line_: str) -> None:
        if "KubeadmControlPlane" in line_:
            person(clusters.kube, *POOL, "alpha-workers", space, {"spec": {"replicas": 9}})

    with pytest.raises(StalePlanError, match=r"spec.replicas was 3, is 9; done before: .*KubeadmControlPlane"):
        apply_plan(clusters, plan, meanwhile)


def test_a_plan_that_was_cut_short_is_gone_on_with(clusters: Management, space: str) -> None:
    plan = plan_upgrade(clusters, "alpha", space, "20.1.0")
    titles = [one.title for one in plan.objects]
    for number in range(len(titles)):

        def end(_: str) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            apply_plan(clusters, plan, end)
        assert len(apply_plan_dry(clusters, plan)) == len(titles) - number - 1
    assert apply_plan(clusters, plan).written == ()
    assert plan_upgrade(clusters, "alpha", space, "20.1.0").empty


def apply_plan_dry(clusters: Management, plan: UpgradePlan) -> list[str]:
    left = []
    for one in plan.objects:
        live = clusters.kube.get(one.api_version, one.kind, one.name, one.namespace)
        left += [] if is_done(one, live) else [one.title]
    return left


def test_all_clusters_are_planned_and_those_that_may_not_go_are_left_out(clusters: Management, space: str) -> None:
    person(
        clusters.kube,
        "cluster.x-k8s.io/v1beta2",
        "Cluster",
        "alpha",
        space,
        {"metadata": {"labels": {marks.RELEASE: None}}},
    )
    found = list(plan_all(clusters, "20.1.0", namespace=space))
    plans = {one.cluster: one for one in found if isinstance(one, UpgradePlan)}
    assert set(plans) == {"beta", "delta", "epsilon", "gamma"}
    assert plans["gamma"].empty
    assert plans["epsilon"].problems
    (refused,) = [one for one in found if isinstance(one, RefusedError)]
    assert refused.on == f"cluster {space}/alpha"
    assert plan_upgrade(clusters, "alpha", space, "20.1.0", present="20.0.0").problems == ()


def test_whether_clusters_fit_their_release(clusters: Management, space: str) -> None:
    assert all(
        one.plan is not None and one.plan.empty for one in fit_all(clusters, space) if one.cluster != f"{space}/beta"
    )
    # A mark that was changed by hand: as if that alone were an upgrade.
    label = {"metadata": {"labels": {marks.RELEASE: "20.1.0"}}}
    person(clusters.kube, "cluster.x-k8s.io/v1beta2", "Cluster", "alpha", space, label)
    found = fit(clusters, "alpha", space).plan
    assert found is not None
    assert not found.empty
    assert "a changed mark alone triggers nothing" in found.notes[-1]
    paths = {change.path for one in found.objects for change in one.changes}
    assert ("spec", "version") in paths
    apply_plan(clusters, found)
    found = fit(clusters, "alpha", space).plan
    assert found is not None
    assert found.empty


def test_where_only_the_mark_would_change_that_is_told(clusters: Management, space: str) -> None:
    target = clusters.catalogue.get("20.1.0")
    quiet = Wishes(
        Definition.of([Entry("*", Pattern.of(path), Policy.KEEP, "frozen") for path in ("spec", "metadata")])
    )
    # The examples' release adds objects: what is added is no mark.
    plan = plan_upgrade(clusters, "alpha", space, target.version.text, wishes=quiet)
    changed = [change for one in plan.objects for change in one.changes]
    assert Rule.RELEASE in {change.rule for change in changed}
    assert not any("alone triggers nothing" in note for note in plan.notes)


def test_many_at_once_apply_one_plan(clusters: Management, space: str) -> None:
    plan = plan_upgrade(clusters, "alpha", space, "20.1.0")
    failures: list[Exception] = []

    def work() -> None:
        try:
            apply_plan(clusters, plan)
        except Exception as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert plan_upgrade(clusters, "alpha", space, "20.1.0").empty
    assert all("409" in str(one) for one in failures), failures


def test_a_cluster_or_release_that_there_is_not(clusters: Management, space: str) -> None:
    with pytest.raises(UsageError, match="none of that name"):
        plan_upgrade(clusters, "nobody", space, "20.1.0")
    with pytest.raises(UsageError, match=r"none of that version\nReleases in .*: 20.0.0, 20.1.0, 21.0.0"):
        plan_upgrade(clusters, "alpha", space, "22.0.0")


def test_a_plan_of_another_management_cluster_is_refused(clusters: Management, space: str) -> None:
    plan = plan_upgrade(clusters, "alpha", space, "20.1.0")
    other = UpgradePlan.from_json({**plan.as_json(), "management": "another"})
    with pytest.raises(RefusedError, match="another management cluster"):
        apply_plan(clusters, other)


def person(kube: Kube, version: str, kind: str, name: str, space: str, changes: dict[str, Any]) -> None:  # noqa: PLR0917  version and kind are one thing
    """A person's change, as by `kubectl edit`."""
    path = kube._path(version, kind, name, space)
    kube._request(
        "patch", path, "editing", name, body=changes, content_type="application/merge-patch+json", field_manager="edit"
    )


def patch_status(kube: Kube, version: str, kind: str, name: str, space: str, status: dict[str, Any]) -> None:  # noqa: PLR0917  likewise
    """What a controller writes."""
    path = f"{kube._path(version, kind, name, space)}/status"
    kube._request(
        "patch", path, "reporting", name, body={"status": status}, content_type="application/merge-patch+json"
    )


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


def test_the_examples_are_a_catalogue(tmp_path: Path) -> None:  # noqa: ARG001  no cluster is asked
    assert [one.version.text for one in load_catalogue(EXAMPLES)] == ["20.0.0", "20.1.0", "21.0.0"]
    assert not load_catalogue(EXAMPLES).faulty
