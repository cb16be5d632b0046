"""What Pods ask for and what nodes have free, read from their objects as the scheduler does.

https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/ has the rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from ws_deployment.clients.kube import Object

_FACTORS = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15),
    "E": Fraction(10**18), "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40),
    "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([numkMGTPE]i?|)")
#: A Pod in one of these phases holds nothing any more.
_ENDED = frozenset({"Succeeded", "Failed"})
#: Effects of a taint that keep a Pod away.
_KEEPS_AWAY = frozenset({"NoSchedule", "NoExecute"})


def quantity(text: object) -> Fraction:
    """A quantity of Kubernetes, as `500m` or `2Gi`, exactly. Raises ValueError for what is none."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None or match[2] not in _FACTORS:
        raise ValueError(f"{text!r} is no quantity")
    return Fraction(match[1]) * _FACTORS[match[2]]


def requests(pod: Object) -> dict[str, Fraction]:
    """What a Pod asks for in all: its containers together, or an init container that asks for more; and one Pod."""
    spec = pod["spec"]
    running: dict[str, Fraction] = defaultdict(Fraction)
    most: dict[str, Fraction] = defaultdict(Fraction)
    for container in spec.get("initContainers", ()):
        asked = _asked(container)
        if container.get("restartPolicy") == "Always":  # it goes on beside those that come after it
            _add(running, asked)
            asked = {}
        for name in running.keys() | asked.keys():
            most[name] = max(most[name], running[name] + asked.get(name, Fraction(0)))
    for container in spec.get("containers", ()):
        _add(running, _asked(container))
    whole = {name: max(running[name], most[name]) for name in running.keys() | most.keys()}
    for name, amount in (spec.get("overhead") or {}).items():
        whole[name] = whole.get(name, Fraction(0)) + quantity(amount)
    return {**whole, "pods": Fraction(1)}


def free(nodes: Iterable[Object], pods: Iterable[Object]) -> dict[str, dict[str, Fraction]]:
    """What is left for others of each node, by its name. A Pod of negative priority gives way: it counts as nothing."""
    left = {
        node["metadata"]["name"]: {
            name: quantity(amount) for name, amount in (node.get("status", {}).get("allocatable") or {}).items()
        }
        for node in nodes
    }
    for pod in pods:
        there = left.get(pod["spec"].get("nodeName", ""))
        if there is None or pod.get("status", {}).get("phase") in _ENDED or pod["spec"].get("priority", 0) < 0:
            continue
        for name, amount in requests(pod).items():
            there[name] = there.get(name, Fraction(0)) - amount
    return left


def takes_pods(node: Object, tolerations: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a node is ready and takes new Pods that have these tolerations."""
    conditions = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions", ())}
    spec = node.get("spec") or {}
    if conditions.get("Ready") != "True" or spec.get("unschedulable"):
        return False
    taints = [taint for taint in spec.get("taints", ()) if taint.get("effect") in _KEEPS_AWAY]
    return all(any(_tolerates(one, taint) for one in tolerations) for taint in taints)


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in {None, "", taint.get("effect")}:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    return bool(toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", ""))


def _asked(container: Mapping[str, Any]) -> dict[str, Fraction]:
    asked = (container.get("resources") or {}).get("requests") or {}
    return {name: quantity(amount) for name, amount in asked.items()}


def _add(to: dict[str, Fraction], more: Mapping[str, Fraction]) -> None:
    for name, amount in more.items():
        to[name] += amount
