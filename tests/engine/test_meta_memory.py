"""What is kept at a meta cluster: a real API server's ConfigMap."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ws_deployment.clients.kube import Kube
from ws_deployment.clients.kube_errors import ConflictKubeError
from ws_deployment.config.v1 import KubernetesAccess, Project
from ws_deployment.engine.meta_access import MetaApi, check_shared
from ws_deployment.engine.meta_lock import acquire, holder
from ws_deployment.engine.meta_memory import KEPT, Remembered, Weight, object_name, recall, remember
from ws_deployment.errors import LockedError, RefusedError, WsDeploymentError
from ws_deployment.fleet.clusters import Fleet, MetaCluster
from ws_deployment.lab.daemon import wait_until
from ws_deployment.lab.record import LabCluster

WEIGHT = Weight("eu1", 50, 100, cordoned=False, static=False, url="https://eu1")


def before(run: str, when: str = "2026-11-21T09:15:33Z", score: int = 50) -> Remembered:
    return Remembered(run, when, 2, ("eu2",), (Weight("eu1", score, 100, cordoned=False, static=False, url="u"),))


@pytest.mark.parametrize("fleet", ["demo", "acme-production"])
def test_the_object_bears_the_fleets_name(fleet: str) -> None:
    assert object_name(fleet) == f"ws-deployment-{fleet}"


def test_a_name_that_no_object_can_bear_is_told_apart() -> None:
    names = {object_name(fleet) for fleet in ("acme.com:Prod", "acme-com-prod", "acme.com:prod", "x" * 300, "x" * 301)}
    assert len(names) == 5
    assert all(len(name) <= 253 and name.replace("-", "").isalnum() and name == name.lower() for name in names)


@pytest.mark.parametrize("value", [{}, {"name": 1, "score": 2, "cordoned": True}, {"name": "a", "score": True}])
def test_what_is_no_weight_is_none(value: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Weight.from_json(value)
    assert Weight.from_json(WEIGHT.as_json()) == WEIGHT


@pytest.fixture
def api(shared_cluster: LabCluster) -> MetaApi:
    kube, namespace = Kube(shared_cluster.kubeconfig), f"meta-{uuid.uuid4().hex[:8]}"
    kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    return MetaApi("meta", namespace, kube)


@pytest.mark.real
def test_the_first_word_of_a_run_stands_and_the_newest_runs_are_kept(api: MetaApi) -> None:
    assert recall(api, "demo") == ()
    remember(api, "demo", before("r0"))
    remember(api, "demo", before("r0", score=7))
    remember(api, "other", before("r9"))
    assert recall(api, "demo") == (before("r0"),)
    found = api.kube.get("v1", "ConfigMap", "ws-deployment-demo", api.namespace)
    assert found is not None
    assert found["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "ws-deployment",
        "ws-deployment.dev/fleet": "demo",
        "ws-deployment.dev/run": "r0",
    }
    runs = [before(f"r{number}", f"2026-11-22T09:15:{number:02}Z") for number in range(1, KEPT + 3)]
    start = threading.Barrier(4)

    def keep(mine: list[Remembered]) -> None:
        start.wait()
        for each in mine:
            remember(api, "demo", each)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep, [runs[number::4] for number in range(4)]))
    kept = recall(api, "demo")
    assert len(kept) == KEPT
    assert kept[0] == runs[-1]
    assert before("r0") not in kept


@pytest.mark.real
def test_a_hand_that_spoiled_it_is_told(api: MetaApi) -> None:
    metadata = {"name": object_name("demo"), "namespace": api.namespace}
    api.kube.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"r1.json": "{}"}})
    with pytest.raises(WsDeploymentError, match=r"ConfigMap entry r1\.json: it is none of this program's"):
        recall(api, "demo")


def _steal(api: MetaApi) -> None:
    """What another does that takes the lock over, between two renewals."""
    while True:
        found = api.kube.get("coordination.k8s.io/v1", "Lease", "ws-deployment", api.namespace) or {}
        with contextlib.suppress(ConflictKubeError):
            api.kube.replace({**found, "spec": {**found["spec"], "holderIdentity": "thief"}})
            return


@pytest.mark.real
def test_one_run_at_a_time_holds_a_meta_clusters_lock(api: MetaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ws_deployment.engine.meta_lock.DURATION", 5)
    told: list[str] = []
    with acquire([api], "r1", "demo") as lock:
        assert lock.held()
        assert lock.lost() == ()
        with pytest.raises(LockedError, match=r"the weights of meta: held by run r1 \(.*, process \d+") as caught:
            acquire([api], "r2", "other", tell=told.append)
        assert "runs show r1" in caught.value.remedy
        assert len(told) == 1
        assert "the lock at meta is held by run r1" in told[0]
    assert not lock.held()
    assert holder(api) is None
    with acquire([api], "r2", "other") as second:
        _steal(api)
        assert wait_until(lambda: bool(second.lost() and "thief" in second.lost()[0]), timeout=60)
        assert not second.held()
    left = holder(api)
    assert left is not None
    assert left.identity == "thief"


@pytest.mark.real
def test_what_is_held_stays_held_while_another_is_waited_for(api: MetaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ws_deployment.engine.meta_lock.DURATION", 5)
    other = replace(api, meta="other", namespace=f"{api.namespace}-other")
    api.kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other.namespace}})
    with ThreadPoolExecutor(1) as pool, contextlib.ExitStack() as stack:
        stack.enter_context(acquire([other], "r1", "demo"))
        waiting = pool.submit(acquire, [other, api], "r2", "demo", wait=120)
        assert wait_until(lambda: holder(api) is not None, timeout=60)
        first = holder(api)
        assert wait_until(lambda: (now := holder(api)) is not None and now != first, timeout=60)
        assert not waiting.done()
        stack.close()
        with waiting.result() as lock:
            assert set(lock._leases) == {"meta", "other"}
            assert lock.lost() == ()


@pytest.mark.real
def test_a_holder_of_this_machine_that_has_ended_is_not_waited_for(api: MetaApi) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(_die_holding, (api.namespace, api.kube._kubeconfig))
    left = holder(api)
    assert left is not None
    assert left.labels["ws-deployment.dev/run"] == "r1"
    waited_for: list[str] = []
    with acquire([api], "r2", "demo", tell=waited_for.append) as lock:
        assert lock.held()
    assert waited_for == []


def _die_holding(namespace: str, kubeconfig: Path) -> None:
    acquire([MetaApi("meta", namespace, Kube(kubeconfig))], "r1", "demo")


def test_a_production_run_wants_a_lock_that_all_see() -> None:
    alone = MetaCluster("m1", "europe-west1", "gke", None)
    fleet = Fleet("acme", "production", Project(id="p"), 17, (), (alone,))
    with pytest.raises(RefusedError, match="no Kubernetes API is configured for m1") as caught:
        check_shared(fleet, accepted=False)
    assert "--unshared-lock" in caught.value.remedy
    check_shared(fleet, accepted=True)
    check_shared(replace(fleet, environment="staging"), accepted=False)
    seen = replace(alone, kubernetes=KubernetesAccess(context="m1"))
    check_shared(replace(fleet, meta_clusters=(seen,)), accepted=False)


def test_without_any_api_nothing_is_locked() -> None:
    with acquire([], "r1", "demo") as lock:
        assert lock.held()
