from __future__ import annotations

from typing import Any

import pytest

from ws_deployment.releases.gitops import owner
from ws_deployment.releases.owned import applied_by, by_subresource, cleaned, held_by
from ws_deployment.releases.paths import path_of


def managed(manager: str, fields: dict[str, Any], operation: str = "Update", subresource: str = "") -> dict[str, Any]:
    made = {"manager": manager, "operation": operation, "fieldsV1": fields}
    return {**made, "subresource": subresource} if subresource else made


LIVE = {
    "apiVersion": "v1",
    "kind": "X",
    "metadata": {
        "name": "x",
        "uid": "u",
        "labels": {"a.b/c": "1"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "managedFields": [
            managed("kubectl", {"f:spec": {"f:size": {}, "f:vars": {'k:{"name":"x"}': {".": {}, "f:value": {}}}}}),
            managed("helm", {"f:metadata": {"f:labels": {".": {}, "f:a.b/c": {}}}}, "Apply"),
            managed("helm", {"f:spec": {"f:vars": {'k:{"name":"y"}': {".": {}, "f:name": {}}}}}, "Apply"),
            managed("hpa", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
            managed("controller", {"f:status": {"f:seen": {}}}, subresource="status"),
        ],
    },
    "spec": {"size": 1, "replicas": 3, "vars": [{"name": "x", "value": "1"}, {"name": "y"}]},
    "status": {"seen": 1},
}


def test_what_is_the_servers_and_controllers_own_is_left_out() -> None:
    assert cleaned(LIVE) == {
        "apiVersion": "v1",
        "kind": "X",
        "metadata": {"name": "x", "labels": {"a.b/c": "1"}},
        "spec": {"size": 1, "vars": [{"name": "x", "value": "1"}, {"name": "y"}]},
    }
    assert list(by_subresource(LIVE)) == [("spec", "replicas")]


@pytest.mark.parametrize(
    ("path", "managers"),
    [
        ("spec.size", ("kubectl",)),
        ("spec.size.below", ("kubectl",)),
        ("spec.vars[name=x].value", ("kubectl",)),
        ("spec.vars", ("kubectl", "helm")),
        ("spec.vars[name=z]", ()),
        ('metadata.labels."a.b/c"', ("helm",)),
        ("spec.nothing", ()),
    ],
)
def test_who_holds_a_field(path: str, managers: tuple[str, ...]) -> None:
    assert held_by(LIVE, path_of(path)) == managers


def test_what_a_manager_has_applied() -> None:
    applied = applied_by(LIVE, "helm")
    assert applied == [path_of('metadata.labels."a.b/c"'), path_of("spec.vars[name=y].name")]
    assert applied_by(LIVE, "kubectl") == [], "it has updated, not applied"


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, ""),
        ({"labels": {"app.kubernetes.io/instance": "x"}}, ""),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
            "Flux Kustomization flux/apps",
        ),
        (
            {"labels": {"helm.toolkit.fluxcd.io/name": "c", "helm.toolkit.fluxcd.io/namespace": "n"}},
            "Flux HelmRelease n/c",
        ),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "fleet:cluster.x-k8s.io/Cluster:clusters/a"}},
            "Argo CD application fleet",
        ),
        ({"labels": {"argocd.argoproj.io/instance": "fleet"}}, "Argo CD application fleet"),
        ({"managedFields": [managed("kustomize-controller", {})]}, "Flux (kustomize-controller)"),
        ({"managedFields": [managed("argocd-controller", {})]}, "Argo CD"),
    ],
)
def test_who_writes_an_object_from_elsewhere(metadata: dict[str, Any], told: str) -> None:
    assert owner({"metadata": metadata}) == told
