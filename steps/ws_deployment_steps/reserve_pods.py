"""Pods that keep room on a cluster until workspaces need it: an autoscaler makes nodes for them.

They have a priority below all others, so a workspace that finds no room takes the place of one. Nothing makes them
anew, and whoever started them takes the rest away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ws_deployment.fleet.marks import RUN, marks
from ws_deployment.interfaces import Parameters
from ws_deployment.traffic.room import Need

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube, Object

#: Label that says what kind of workspaces a Pod keeps room for.
_KEEPS_ROOM = "ws-deployment.dev/keeps-room"
#: Below what is usual (0), so that all others go before; not below -10, or autoscalers would take no notice:
#: https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
_PRIORITY = -1
#: Pods that one call makes: whoever calls looks at other things between two calls.
_AT_ONCE = 100
#: Whole numbers of these are asked for: a core in thousands, bytes.
_UNITS = {"cpu": (1000, "m")}


class ReserveParameters(Parameters):
    """The Pods that keep room."""

    image: str = Field(default="registry.k8s.io/pause:3.10", description="Image of the Pods; it has nothing to do.")
    namespace: str = Field(default="default", description="Namespace of the Pods.")


def keep(
    kube: Kube,
    wanted: ReserveParameters,
    owner: tuple[str, str],
    needs: Mapping[str, Need],
    *,
    nodes: Mapping[str, str],
    tolerations: Mapping[str, Sequence[Mapping[str, Any]]],
) -> None:
    """Start Pods until there is one for each workspace that is needed, some at a call.

    `owner` is the run and its fleet. By kind: `needs`, the label of the `nodes` that take it, its `tolerations`.
    Raises what the API raises.
    """
    run, fleet = owner
    there: set[str] = {pod["metadata"]["name"] for pod in _of(kube, run)}
    names = [(kind, f"room-{run}-{kind}-{number}") for kind, need in needs.items() for number in range(need.count)]
    missing = [(kind, name) for kind, name in names if name not in there][:_AT_ONCE]
    if missing:
        kube.apply(_priority_class(run, fleet))
    for kind, name in missing:
        metadata = {"name": name, "namespace": wanted.namespace, "labels": {**marks(run, fleet), _KEEPS_ROOM: kind}}
        spec = _spec(wanted.image, _priority_class_name(run), needs[kind].each)
        spec |= {"nodeSelector": {nodes[kind]: "true"}, "tolerations": list(tolerations.get(kind, ()))}
        kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def left(kube: Kube, run: str) -> int:
    """How many of a run's Pods are there."""
    return len(_of(kube, run))


def release(kube: Kube, run: str) -> None:
    """Take all of a run's Pods away, and what they needed."""
    for pod in _of(kube, run):
        kube.delete("v1", "Pod", pod["metadata"]["name"], pod["metadata"]["namespace"])
    kube.delete("scheduling.k8s.io/v1", "PriorityClass", _priority_class_name(run))


def _of(kube: Kube, run: str) -> list[Object]:
    mine = kube.list("v1", "Pod", selector={RUN: run})
    return [pod for pod in mine if _KEEPS_ROOM in pod["metadata"]["labels"]]


def _priority_class_name(run: str) -> str:
    return f"ws-deployment-room-{run}"


def _priority_class(run: str, fleet: str) -> Object:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": _priority_class_name(run), "labels": marks(run, fleet)},
        "value": _PRIORITY,
        "preemptionPolicy": "Never",
        "description": "Pods that keep room for workspaces, and give way to them.",
    }


def _spec(image: str, priority_class: str, each: Mapping[str, Fraction]) -> dict[str, Any]:
    asked = {name: _quantity(name, amount) for name, amount in each.items() if name != "pods" and amount > 0}
    return {
        "priorityClassName": priority_class,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65535,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "room",
                "image": image,
                "resources": {"requests": asked},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    }


def _quantity(name: str, amount: Fraction) -> str:
    """What is asked for, rounded up."""
    parts, unit = _UNITS.get(name, (1, ""))
    return f"{math.ceil(amount * parts)}{unit}"
