"""Whether an upgrade has come about: what its plan wrote is there, and every machine is of it. Pure.

By what Cluster API's controllers tell in status: the contract of v1beta2, and its fields of v1beta1 where they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ws_deployment.releases import cluster_api, staleness
from ws_deployment.releases.paths import text_of
from ws_deployment.releases.plan import Action, ObjectPlan, UpgradePlan

Object = Mapping[str, Any]

#: Kinds that own machines and tell how many of them are up to date.
_OWNERS = ("KubeadmControlPlane", "MachineDeployment", "MachinePool")


@dataclass(frozen=True)
class Arrival:
    """What is `behind` still, what errs now, and what has `failed` and will not come by itself; empty when it is there.

    Controllers set a condition's severity to Error also for what passes when they try again; only failureReason,
    failureMessage and the phase Failed are final.
    """

    behind: tuple[str, ...] = ()
    erring: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def arrival(plan: UpgradePlan, objects: Iterable[Object]) -> Arrival:
    """How far the cluster of these objects (the Cluster and all that are its) has come with a plan."""
    every = list(objects)
    behind = [
        *(text for planned in plan.objects for text in _unwritten(planned, every)),
        *(text for one in every for text in _behind(one)),
    ]
    erring, failed = (tuple(text for one in every for text in told(one)) for told in (_erring, _failed))
    return Arrival(tuple(behind), erring, failed)


def _unwritten(planned: ObjectPlan, objects: Iterable[Object]) -> Iterator[str]:
    """What of the plan is not in the API (yet): a branch that nobody has merged, for example."""
    if planned.action is Action.NONE:
        return
    key = (planned.kind, planned.name)
    live = next((one for one in objects if (one["kind"], one["metadata"]["name"]) == key), None)
    if planned.action is Action.DELETE:
        if live is not None:
            yield f"{planned.title} is not deleted yet"
    elif live is None:
        yield f"{planned.title} is not there yet"
    elif planned.action is Action.CHANGE:
        left = [text_of(change.path) for change in planned.written if not staleness.is_made(planned, change, live)]
        if left:
            yield f"{planned.title} does not have the release's {', '.join(left)} yet"


def _behind(one: Object) -> Iterator[str]:
    name = _name(one)
    if why := cluster_api.under_way([one]):
        yield why
    elif why := cluster_api.paused([one]):
        yield f"{why}: nothing becomes of it"
    elif one["kind"] in _OWNERS:
        if "observedGeneration" not in (one.get("status") or {}):
            yield f"{name}: no controller has told anything of it yet"
        elif lacks := _lacks(one):
            yield f"{name}: {lacks}"


def _lacks(one: Object) -> str:
    """What machines of it are not as its spec says; empty if all are."""
    spec, status = one.get("spec") or {}, one["status"]
    wanted = spec.get("replicas")
    if isinstance(wanted, int):
        newer = status.get("v1beta2") or {}
        updated = newer.get("upToDateReplicas", status.get("upToDateReplicas", status.get("updatedReplicas", 0)))
        available = newer.get("availableReplicas", status.get("availableReplicas", status.get("readyReplicas", 0)))
        for count, what in ((updated, "up to date"), (available, "available")):
            if count < wanted:
                return f"{count} of {wanted} machines are {what}"
        if status.get("replicas", 0) > wanted:
            return f"{status['replicas']} machines are there, {wanted} are wanted"
    told, version = status.get("version"), spec.get("version")
    if told and version and told.removeprefix("v") != version.removeprefix("v"):
        return f"its oldest machine is of {told}, not of {version}"
    return ""


def _erring(one: Object) -> Iterator[str]:
    for told in _tellings(one):
        for condition in told.get("conditions") or ():
            if condition.get("status") == "False" and condition.get("severity") == "Error":
                why = condition.get("message") or condition.get("reason") or "no reason is told"
                yield f"{_name(one)} has failed: {condition['type']} is False: {why}"
                return


def _failed(one: Object) -> Iterator[str]:
    for told in _tellings(one):
        if told.get("failureReason") or told.get("failureMessage"):
            yield f"{_name(one)} has failed: {told.get('failureMessage') or told['failureReason']}"
            return
    if (one.get("status") or {}).get("phase") == "Failed":
        yield f"{_name(one)} has failed: its phase is Failed"


def _tellings(one: Object) -> tuple[Mapping[str, Any], ...]:
    """Its status, and where that of the former API version stands beside it."""
    status = one.get("status") or {}
    return (status, (status.get("deprecated") or {}).get("v1beta1") or {})


def _name(one: Object) -> str:
    return f"{one['kind']} {one['metadata']['name']}"
