from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from ws_deployment.clients.kube_room import free, quantity, requests, takes_pods


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", Fraction(1, 2)),
        ("2", Fraction(2)),
        (3, Fraction(3)),
        ("1.5Gi", Fraction(3, 2) * 2**30),
        ("100k", Fraction(100_000)),
        ("1e3", Fraction(1000)),
        ("12E", Fraction(12 * 10**18)),
        ("250u", Fraction(1, 4000)),
    ],
)
def test_quantities_are_read_exactly(text: object, value: Fraction) -> None:
    assert quantity(text) == value


@pytest.mark.parametrize("text", ["", "m", "1mi", "1 Gi", "ten", "1nI"])
def test_what_is_no_quantity_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)


def container(restart: str | None = None, **asked: str) -> dict[str, Any]:
    told: dict[str, Any] = {"resources": {"requests": asked}}
    return told | ({"restartPolicy": restart} if restart else {})


def pod(*containers: dict[str, Any], node: str = "", **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers), "nodeName": node, **spec}, "status": {"phase": "Running"}}


def test_a_pod_asks_for_its_containers_together() -> None:
    asked = requests(pod(container(cpu="1", memory="1Gi"), container(cpu="500m"), overhead={"cpu": "250m"}))
    assert asked == {"cpu": Fraction(7, 4), "memory": 2**30, "pods": 1}


def test_an_init_container_counts_where_it_asks_for_more_and_one_that_stays_counts_with_all() -> None:
    init = [container(cpu="3"), container("Always", cpu="1"), container(cpu="4")]
    assert requests(pod(container(cpu="2"), initContainers=init))["cpu"] == 5
    assert requests(pod(container(cpu="6"), initContainers=init))["cpu"] == 7


def test_what_pods_hold_is_not_free() -> None:
    nodes = [{"metadata": {"name": "a"}, "status": {"allocatable": {"cpu": "8", "pods": "10"}}}]
    ended = {**pod(container(cpu="4"), node="a"), "status": {"phase": "Succeeded"}}
    gives_way = pod(container(cpu="4"), node="a", priority=-1)
    elsewhere = pod(container(cpu="4"), node="b")
    left = free(nodes, [pod(container(cpu="3"), node="a"), pod(container(), node="a"), ended, gives_way, elsewhere])
    assert left == {"a": {"cpu": 5, "pods": 8}}


def node(ready: str = "True", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "spec": spec, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


POOL = {"key": "pool", "value": "workspaces", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("candidate", "tolerations", "takes"),
    [
        (node(), [], True),
        (node("Unknown"), [], False),
        (node(unschedulable=True), [{"operator": "Exists"}], False),
        (node(taints=[POOL]), [], False),
        (node(taints=[{**POOL, "effect": "PreferNoSchedule"}]), [], True),
        (node(taints=[POOL]), [{"key": "pool", "operator": "Exists"}], True),
        (node(taints=[POOL]), [{"key": "pool", "value": "workspaces", "effect": "NoSchedule"}], True),
        (node(taints=[POOL]), [{"key": "pool", "value": "services"}], False),
        (node(taints=[POOL]), [{"key": "pool", "operator": "Exists", "effect": "NoExecute"}], False),
        (node(taints=[POOL, {**POOL, "key": "other"}]), [{"key": "pool", "operator": "Exists"}], False),
    ],
)
def test_only_nodes_that_take_a_workspace_count(
    candidate: dict[str, Any], tolerations: list[dict[str, Any]], takes: bool
) -> None:
    assert takes_pods(candidate, tolerations) is takes
