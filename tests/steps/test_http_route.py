"""Weights of an HTTPRoute, at a real API server that judges by the Gateway API's own CRD."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.gateway_api import http_route_crd
from harness.meta_context import MetaContext
from ws_deployment_steps.cluster_types.existing import ExistingCluster
from ws_deployment_steps.http_route import REMEMBERED, HttpRouteParameters
from ws_deployment_steps.registrars.http_route import HttpRouteRegistrar, HttpRouteRegistrarParameters
from ws_deployment_steps.routers.http_route import HttpRouteRouter

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import ConflictKubeError, KubeError
from ws_deployment.config.v1 import KubernetesAccess
from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.fleet.clusters import MetaCluster
from ws_deployment.interfaces import IClusterType, NotYetError, Registration, RegistrationRequest, SubTask, TlsMaterial
from ws_deployment.lab.record import LabCluster
from ws_deployment.traffic.ramp import ramp, shares
from ws_deployment.traffic.restore import safe_writes

pytestmark = pytest.mark.real

CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "httproutes.gateway.networking.k8s.io")
KIND = ("gateway.networking.k8s.io/v1", "HTTPRoute")
TLS = TlsMaterial("ca", "crt", "key")


class Context(MetaContext):
    """Knows the meta cluster's Kubernetes API."""

    def __init__(self, folder: Path, access: KubernetesAccess | None) -> None:
        super().__init__(folder, None)
        self._meta = MetaCluster("meta", "europe-west1", "existing", None, access)

    def cluster_type(self, name: str) -> IClusterType:
        assert name == "existing"
        return ExistingCluster()


@pytest.fixture(scope="module")
def kube(shared_cluster: LabCluster) -> Iterator[Kube]:
    kube = Kube(shared_cluster.kubeconfig)
    for document in yaml.safe_load_all(http_route_crd().read_text()):
        if document:
            kube.apply(document)
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "routes"}})
    deadline = time.monotonic() + 20
    while "Established" not in conditions(kube):
        assert time.monotonic() < deadline, conditions(kube)
        time.sleep(0.05)
    yield kube
    kube.delete(*CRD)


def conditions(kube: Kube) -> set[str]:
    found = kube.get(*CRD) or {}
    return {one["type"] for one in found.get("status", {}).get("conditions", ()) if one["status"] == "True"}


def route(kube: Kube, *rules: dict[str, int], name: str = "start", **more: Any) -> None:
    """A route whose rules have these back-ends and weights."""
    written = [
        {
            "matches": [{"path": {"type": "PathPrefix", "value": f"/{index}"}}],
            **({"backendRefs": [{"name": n, "port": 80, "weight": w} for n, w in refs.items()]} if refs else {}),
        }
        for index, refs in enumerate(rules)
    ]
    kube.delete(*KIND, name, "routes")
    metadata = {"name": name, "namespace": "routes", **more}
    document = {"apiVersion": KIND[0], "kind": KIND[1], "metadata": metadata, "spec": {"rules": written}}
    kube.create(document)


def read(kube: Kube, name: str = "start") -> dict[str, Any]:
    found = kube.get(*KIND, name, "routes")
    assert found
    return found


def weights(kube: Kube) -> list[dict[str, int]]:
    rules = read(kube)["spec"]["rules"]
    return [{ref["name"]: ref["weight"] for ref in rule.get("backendRefs", ())} for rule in rules]


def context(folder: Path, kube: Kube) -> Context:
    return Context(folder, KubernetesAccess(kubeconfig=str(kube._kubeconfig), namespace="routes"))


def router(folder: Path, kube: Kube, **options: Any) -> HttpRouteRouter:
    its = context(folder, kube)
    return HttpRouteRouter(HttpRouteParameters.model_validate({"name": "start"} | options), its.meta, its)


def registrar(folder: Path, kube: Kube, **options: Any) -> HttpRouteRegistrar:
    its = context(folder, kube)
    parameters = HttpRouteRegistrarParameters.model_validate({"name": "start", "port": 8443} | options)
    return HttpRouteRegistrar(parameters, its.meta, its)


def write(name: str, what: str, value: int) -> SubTask:
    return SubTask("x", data={"cluster": name, "property": what, "value": value})


def test_a_ramp_and_its_way_back_by_weights_alone(tmp_path: Path, kube: Kube) -> None:
    route(kube, {"ws-eu16": 50, "ws-eu17": 0}, {"ws-eu16": 50, "ws-eu17": 0}, labels={"team": "infra"})
    moving = router(tmp_path, kube)
    before = {each.name: each for each in moving.registrations()}
    assert before["eu17"] == Registration("eu17", 50, available=False)
    seen = []
    for stage in ramp(["eu17"], ["eu16"], list(before.values()), [10, 50, 100], 0):
        for subtask in moving.subtasks(stage):
            # Doing it twice is the same as doing it once.
            moving.carry_out(subtask)
            moving.carry_out(subtask)
            assert sum(each.effective for each in moving.registrations()), subtask.name
        assert {each.name: each.score for each in moving.registrations()} == stage.scores
        seen.append(shares(moving.registrations())["eu17"])
    assert seen == [10, 50, 100]
    assert weights(kube) == [{"ws-eu16": 0, "ws-eu17": 50}] * 2
    now = {each.name: each for each in moving.registrations()}
    for each in safe_writes(now, before):
        moving.carry_out(write(each.cluster, each.property, each.value))
    assert {each.name: each for each in moving.registrations()} == before
    assert weights(kube) == [{"ws-eu16": 50, "ws-eu17": 0}] * 2
    after = read(kube)
    assert after["metadata"]["labels"] == {"team": "infra"}
    assert [rule["matches"][0]["path"]["value"] for rule in after["spec"]["rules"]] == ["/0", "/1"]


def test_a_cordoned_one_remembers_its_score_and_a_score_of_0_is_no_cordon(tmp_path: Path, kube: Kube) -> None:
    route(kube, {"ws-eu16": 70})
    moving = router(tmp_path, kube)

    def now() -> tuple[int, bool]:
        [there] = moving.registrations()
        return there.score, there.available

    moving.carry_out(write("eu16", "cordoned", 1))
    assert (now(), weights(kube)) == ((70, False), [{"ws-eu16": 0}])
    moving.carry_out(write("eu16", "score", 30))
    assert (now(), weights(kube)) == ((30, False), [{"ws-eu16": 0}])
    moving.carry_out(write("eu16", "cordoned", 0))
    assert (now(), weights(kube)) == ((30, True), [{"ws-eu16": 30}])
    assert read(kube)["metadata"]["annotations"][REMEMBERED] == "{}"
    moving.carry_out(write("eu16", "score", 0))
    assert (now(), weights(kube)) == ((0, True), [{"ws-eu16": 0}])
    # A weight that a hand writes is what counts.
    changed = read(kube)
    changed["spec"]["rules"][0]["backendRefs"][0]["weight"] = 5
    kube.replace(changed)
    assert now() == (5, True)


def test_registers_a_back_end_that_takes_nothing_and_removes_it(tmp_path: Path, kube: Kube) -> None:
    route(kube, {"ws-eu16": 50})
    registering = registrar(tmp_path, kube)
    for _ in range(2):
        registering.register(RegistrationRequest("eu17", "https://eu17.example", TLS, preferability="prefer"))
    there = {each.name: each for each in registering.registrations()}
    assert there["eu17"] == Registration("eu17", 100, available=False, url="https://eu17.example")
    assert there["eu16"] == Registration("eu16", 50, available=True)
    router(tmp_path, kube).carry_out(write("eu17", "cordoned", 0))
    with pytest.raises(RefusedError, match="its weight is 100: it takes starts"):
        registering.deregister("eu17")
    registering.cordon("eu17")
    assert [each.url for each in registering.registrations()][1] == "https://eu17.example"
    for _ in range(2):
        registering.deregister("eu17")
    assert weights(kube) == [{"ws-eu16": 50}]
    assert json.loads(read(kube)["metadata"]["annotations"][REMEMBERED]) == {}


def test_the_first_cluster_of_a_route_without_back_ends(tmp_path: Path, kube: Kube) -> None:
    route(kube, {})
    registrar(tmp_path, kube).register(RegistrationRequest("eu1", "https://eu1.example", TLS))
    assert weights(kube) == [{"ws-eu1": 0}]


def test_what_is_no_cluster_keeps_its_weight_and_counts(tmp_path: Path, kube: Kube) -> None:
    route(kube, {"ws-eu16": 50, "legacy": 50, "ws-eu17": 0})
    moving = router(tmp_path, kube)
    assert [(each.name, each.static) for each in moving.registrations()] == [
        ("eu16", False), ("legacy", True), ("eu17", False),
    ]  # fmt: skip
    assert shares(moving.registrations())["legacy"] == 50
    with pytest.raises(WsDeploymentError, match="no rule has a back-end ws-legacy"):
        moving.carry_out(write("legacy", "score", 1))


def test_rules_that_differ_have_to_be_named(tmp_path: Path, kube: Kube) -> None:
    route(kube, {"ws-eu16": 50, "ws-eu17": 0}, {"ws-eu16": 50})
    with pytest.raises(WsDeploymentError, match="its rules differ in their back-ends"):
        router(tmp_path, kube).registrations()
    router(tmp_path, kube, rule=0).carry_out(write("eu16", "score", 40))
    assert weights(kube) == [{"ws-eu16": 40, "ws-eu17": 0}, {"ws-eu16": 50}]
    with pytest.raises(WsDeploymentError, match="2 rules, none with the number 7"):
        router(tmp_path, kube, rule=7).registrations()


def test_a_change_at_the_same_moment_is_not_overwritten(
    tmp_path: Path, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> None:
    route(kube, {"ws-eu16": 50, "ws-eu17": 50})
    moving = router(tmp_path, kube)
    replace = Kube.replace

    def meanwhile(self: Kube, document: dict[str, Any]) -> dict[str, Any]:
        monkeypatch.setattr(Kube, "replace", replace)
        other = read(kube)
        other["spec"]["rules"][0]["backendRefs"][1]["weight"] = 7
        kube.replace(other)
        return replace(self, document)

    monkeypatch.setattr(Kube, "replace", meanwhile)
    with pytest.raises(ConflictKubeError):
        moving.carry_out(write("eu16", "score", 40))
    moving.carry_out(write("eu16", "score", 40))
    assert weights(kube) == [{"ws-eu16": 40, "ws-eu17": 7}]


def test_the_resource_says_what_it_accepts(tmp_path: Path, kube: Kube) -> None:
    route(kube, {"ws-eu16": 50})
    with pytest.raises(KubeError, match="should be less than or equal to 1000000"):
        router(tmp_path, kube).carry_out(write("eu16", "score", 1_000_001))
    for index in range(15):
        registrar(tmp_path, kube).register(RegistrationRequest(f"us{index}", "https://us.example", TLS))
    with pytest.raises(KubeError, match=r"(?i)too many: 17: must have at most 16 items"):
        registrar(tmp_path, kube).register(RegistrationRequest("us16", "https://us.example", TLS))


def test_gitops_that_applies_the_rules_is_not_fought(tmp_path: Path, kube: Kube) -> None:
    kube.delete(*KIND, "start", "routes")
    rules = [{"backendRefs": [{"name": "ws-eu16", "port": 80, "weight": 50}]}]
    metadata = {"name": "start", "namespace": "routes"}
    kube.apply({"apiVersion": KIND[0], "kind": KIND[1], "metadata": metadata, "spec": {"rules": rules}})
    with pytest.raises(RefusedError, match="ws-deployment applies its rules, and would put its own weights back"):
        router(tmp_path, kube).carry_out(write("eu16", "score", 40))
    assert weights(kube) == [{"ws-eu16": 50}]
    router(tmp_path, kube, despite=["ws-deployment"]).carry_out(write("eu16", "score", 40))
    assert weights(kube) == [{"ws-eu16": 40}]


def test_what_is_missing_is_told(tmp_path: Path, kube: Kube) -> None:
    with pytest.raises(WsDeploymentError, match="namespace routes has no such route"):
        router(tmp_path, kube, name="nowhere").registrations()
    nowhere = Context(tmp_path, None)
    with pytest.raises(NotYetError, match="the config does not say where it is"):
        HttpRouteRouter(HttpRouteParameters(name="start"), nowhere.meta, nowhere).registrations()
    route(kube, {"ws-eu16": 50}, annotations={REMEMBERED: "[1"})
    with pytest.raises(WsDeploymentError, match="is not what this program writes"):
        router(tmp_path, kube).registrations()
