"""The lab's Cluster API controllers, upon objects in memory; the tests of upgrades have them at a real API server."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from ws_deployment.lab.cluster_api import ORDER, ClusterApi
from ws_deployment.releases.arrival import arrival
from ws_deployment.releases.plan import UpgradePlan

NOTHING = UpgradePlan("alpha", "org", "20.0.0", "20.1.0")


class Objects:
    """A management cluster with one cluster: three control plane machines, two workers."""

    def __init__(self) -> None:
        spec: dict[str, Any] = {"replicas": 3, "version": "v1.32.9"}
        template = {"spec": {"version": "v1.32.9"}}
        self.cluster = self._made("Cluster", "alpha", {})
        self.plane = self._made("KubeadmControlPlane", "alpha-control-plane", spec)
        self.pool = self._made("MachineDeployment", "alpha-workers", {"replicas": 2, "template": template})
        self.reports = 0

    def list(self, _: str, kind: str, __: str | None) -> list[dict[str, Any]]:
        return [copy.deepcopy(one) for one in (self.cluster, self.plane, self.pool) if one["kind"] == kind]

    def report(self, target: Mapping[str, Any], status: Mapping[str, Any], _: str) -> None:
        one = self.plane if target["kind"] == self.plane["kind"] else self.pool
        kept = {**one.get("status", {}), **status}
        one["status"] = {key: value for key, value in kept.items() if value is not None}
        self.reports += 1

    def upgrade(self) -> None:
        self.plane["spec"]["version"] = "v1.33.5"
        self.pool["spec"]["template"] = {"spec": {"version": "v1.33.5"}}
        for one in (self.plane, self.pool):
            one["metadata"]["generation"] += 1

    def order(self, how: str) -> None:
        self.cluster["metadata"]["annotations"] = {ORDER: how}

    def up_to_date(self) -> tuple[int, int, str]:
        plane = self.plane["status"]
        return plane["upToDateReplicas"], self.pool["status"]["upToDateReplicas"], plane["version"]

    def stands(self) -> tuple[bool, bool]:
        """Whether anything is behind, whether a controller tells an error."""
        here = arrival(NOTHING, [self.cluster, self.plane, self.pool])
        return bool(here.behind), bool(here.erring)

    def _made(self, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        labels = {"cluster.x-k8s.io/cluster-name": "alpha"}
        metadata = {"name": name, "namespace": "org", "uid": name, "generation": 1, "labels": labels}
        return {"kind": kind, "metadata": metadata, "spec": spec}


@pytest.fixture
def there() -> Objects:
    return Objects()


def played(there: Objects) -> ClusterApi:
    """Controllers of which each look comes a second after the one before."""
    seconds = itertools.count()
    return ClusterApi(there, pace=1.0, clock=lambda: float(next(seconds)))  # type: ignore[arg-type]  # a double


def look(controllers: ClusterApi, times: int) -> None:
    for _ in range(times):
        controllers.reconcile()


def test_what_is_found_first_is_at_rest_and_told_once(there: Objects) -> None:
    look(played(there), 3)
    assert there.up_to_date() == (3, 2, "v1.32.9")
    assert there.stands() == (False, False)
    assert there.reports == 2


def test_workers_follow_the_control_plane(there: Objects) -> None:
    controllers = played(there)
    look(controllers, 1)
    there.upgrade()
    seen = []
    while there.stands()[0]:
        look(controllers, 1)
        seen.append(there.up_to_date())
    assert all(plane == 3 for plane, pool, _ in seen if pool)
    assert seen[-1] == (3, 2, "v1.33.5")
    assert {version for plane, _, version in seen if plane < 3} == {"v1.32.9"}, "the oldest machine's"


@pytest.mark.parametrize(("how", "fails"), [("stuck", False), ("failed", True)])
def test_trouble_comes_after_the_first_machine_and_goes_with_its_order(
    there: Objects, how: str, *, fails: bool
) -> None:
    controllers = played(there)
    look(controllers, 1)
    there.order(how)
    there.upgrade()
    look(controllers, 20)
    assert there.up_to_date() == (1, 0, "v1.32.9")
    assert there.stands() == (True, fails)
    there.order("progress")
    look(controllers, 20)
    assert there.stands() == (False, False)


def test_another_process_goes_on_with_what_one_began(there: Objects) -> None:
    first = played(there)
    look(first, 1)
    there.order("stuck")
    there.upgrade()
    look(first, 10)
    there.order("progress")
    second = played(there)
    look(second, 1)
    assert there.up_to_date()[0] < 3
    assert there.up_to_date()[2] == "v1.32.9"
    look(second, 20)
    assert there.up_to_date() == (3, 2, "v1.33.5")
