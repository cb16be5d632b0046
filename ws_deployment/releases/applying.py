"""Carries out a plan: exactly what it says, upon what it was made for, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ws_deployment.clients.kube_errors import ConflictKubeError, KubeError
from ws_deployment.errors import RefusedError, StalePlanError, WsDeploymentError
from ws_deployment.releases import cluster_api, gitops, staleness
from ws_deployment.releases.gathering import Management
from ws_deployment.releases.paths import text_of
from ws_deployment.releases.plan import Action, ObjectPlan, UpgradePlan
from ws_deployment.releases.writing import MANAGER, write

Object = Mapping[str, Any]
Progress = Callable[[str], None]

_AGAIN = "Plan again, have it reviewed, apply that."
#: Times that a write is tried anew because a controller changed the object's status in the same moment.
_ATTEMPTS = 5


@dataclass(frozen=True)
class Applied:
    """What was done: titles of the objects that were written, and of those that were as planned already."""

    written: tuple[str, ...]
    as_planned: tuple[str, ...]


def apply_plan(management: Management, plan: UpgradePlan, progress: Progress = lambda _line: None) -> Applied:
    """Do what a plan says. What an earlier attempt did of it already is not done again.

    Raises RefusedError, having touched nothing, for a plan with problems or open questions, of another management
    cluster, about a cluster that is paused or under way, or about objects that Flux or Argo CD write; StalePlanError
    where the live objects are no longer what the plan was made for; KubeError where the server refuses.
    """
    _check_plan(management, plan)
    found = [(planned, live_of(management, planned)) for planned in _concerned(plan)]
    _check_owners(plan, found)
    cluster = management.cluster(plan.cluster, plan.namespace)
    moved = [*_moved_mark(management, plan, cluster)]
    for planned, live in found:
        moved += map(str, staleness.moves(planned, live, _shape(management, planned)))
    if moved:
        raise StalePlanError("applying the plan for", on=_name(plan), why=_listed(moved), remedy=_AGAIN)
    todo = [one for one in found if not staleness.is_done(*one)]
    if len(todo) == len(found):
        _check_rest(plan, [cluster, *(live for _, live in found if live is not None)])
    written: list[str] = []
    for planned, live in todo:
        _carry_out(management, plan, planned, live, written)
        written.append(planned.title)
        progress(f"{_PAST[planned.action]} {planned.title}")
    as_planned = tuple(planned.title for planned, live in found if (planned, live) not in todo)
    return Applied(tuple(written), as_planned)


_PAST = {Action.CREATE: "created", Action.CHANGE: "changed", Action.DELETE: "deleted", Action.NONE: "left"}


def _check_plan(management: Management, plan: UpgradePlan) -> None:
    if plan.problems:
        why = _listed([f"{one.on}: {one.why}" for one in plan.problems])
        raise RefusedError("applying the plan for", on=_name(plan), why=why, remedy=plan.problems[0].remedy or _AGAIN)
    if plan.questions:
        asked = [f"{one.title}: {text_of(kept.path)}: {kept.reason}" for one, kept in plan.questions]
        remedy = "Answer when you plan: --answer PATH=overwrite, or --answer PATH=keep."
        raise RefusedError(
            "applying the plan for",
            on=_name(plan),
            why=f"it asks what nobody has answered: {_listed(asked)}",
            remedy=remedy,
        )
    if plan.management and management.uid != plan.management:
        why = "it was made for another management cluster"
        raise RefusedError("applying the plan for", on=_name(plan), why=why, remedy="Name that one by --kubeconfig.")


def _check_owners(plan: UpgradePlan, found: Sequence[tuple[ObjectPlan, Object | None]]) -> None:
    owned = [f"{planned.title} is written by {by}" for planned, live in found if live and (by := gitops.owner(live))]
    if owned:
        raise RefusedError(
            "applying the plan for",
            on=_name(plan),
            why=f"{_listed(owned)}; what is applied beside them is undone by them",
            remedy="Write it into the repository that holds them: ws-deployment upgrade commit PLAN --repo URL",
        )


def _check_rest(plan: UpgradePlan, objects: Sequence[Object]) -> None:
    """Only before the first write: afterwards the cluster is under way because of it."""
    if why := cluster_api.paused(objects) or cluster_api.under_way(objects):
        remedy = "Apply the plan when it is at rest."
        raise RefusedError("applying the plan for", on=_name(plan), why=why, remedy=remedy)


def _moved_mark(management: Management, plan: UpgradePlan, cluster: Object) -> list[str]:
    here = management.version_of(cluster)
    planned = {plan.to_version} | ({plan.from_version} if _bears_mark(management, plan) else {here})
    return [] if here in planned else [f"the cluster was of {plan.from_version}, is of {here or 'no release'}"]


def _bears_mark(management: Management, plan: UpgradePlan) -> bool:
    """Whether the Cluster bore the mark of the release that the plan goes from; `--from` may have named another."""
    for one in plan.objects:
        if one.kind == cluster_api.CLUSTER and one.name == plan.cluster and one.live:
            return (one.live["metadata"].get("labels") or {}).get(management.label) == plan.from_version
    return False


def _carry_out(
    management: Management, plan: UpgradePlan, planned: ObjectPlan, live: Object | None, written: Sequence[str]
) -> None:
    """Write one object. A change of its status in the same moment is none of the plan's business."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _write(management, planned, live)
        except ConflictKubeError as error:
            conflict: WsDeploymentError = error
        except KubeError as error:
            if not is_version_test(error):
                raise
            conflict = error
        else:
            return
        live = live_of(management, planned)
        moved = [str(one) for one in staleness.moves(planned, live, _shape(management, planned))]
        if moved or attempt == _ATTEMPTS:
            done = f"; done before: {', '.join(written)}" if written else ""
            why = f"{_listed(moved) or conflict.why}{done}"
            raise StalePlanError("applying the plan for", on=_name(plan), why=why, remedy=_AGAIN) from conflict
        if staleness.is_done(planned, live):
            return


def _write(management: Management, planned: ObjectPlan, live: Object | None) -> None:
    kube = management.kube
    if planned.action is Action.DELETE:
        if live is not None:
            kube.delete(planned.api_version, planned.kind, planned.name, planned.namespace or None, as_read=live)
    elif live is None:
        kube.create(planned.document, manager=MANAGER)
    else:
        left = [change for change in planned.written if not staleness.is_made(planned, change, live)]
        shape = management.shape(planned.api_version, planned.kind)
        write(kube, live, left, shape, together=planned.together)


def is_version_test(error: KubeError) -> bool:
    """Whether a JSON Patch was refused because its test did not hold."""
    return "testing" in error.why or "test failed" in error.why


def live_of(management: Management, planned: ObjectPlan) -> Object | None:
    """The object of a plan as it is now; None where there is none."""
    found = management.kube.get(planned.api_version, planned.kind, planned.name, planned.namespace or None)
    return None if found is None else {"apiVersion": planned.api_version, "kind": planned.kind, **found}


def _concerned(plan: UpgradePlan) -> list[ObjectPlan]:
    return [one for one in plan.objects if one.action is not Action.NONE]


def _shape(management: Management, planned: ObjectPlan) -> Any:
    return management.shape(planned.api_version, planned.kind)


def _name(plan: UpgradePlan) -> str:
    return f"cluster {plan.namespace}/{plan.cluster}"


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else "".join(f"\n  - {text}" for text in texts)
