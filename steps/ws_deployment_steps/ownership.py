"""Whose a cluster is that an earlier run made: by its Terraform instance, the marks on it, and what its type says."""

from __future__ import annotations

from collections.abc import Mapping

from ws_deployment.errors import RefusedError
from ws_deployment.fleet.folders import instance_folder
from ws_deployment.fleet.marks import FLEET, RUN
from ws_deployment.interfaces import Decision, NotYetError, StepContext

_ATTEMPTED = "retiring"


def maker(context: StepContext) -> str:
    """The run of this fleet that made the context's cluster.

    Raises RefusedError where no run of this fleet did, or where that can't be told; KubeError and TransientKubeError
    where the cluster has to be asked and does not answer.
    """
    cluster = context.cluster
    if not cluster.create:
        why = "the config says `create: false` for it: it was there before, and is never removed"
        raise _refused(context, why, "Deregister and remove it where it was made.")
    owner = _owner(context)
    run = owner.get(RUN, "")
    if not run:
        missing = f"there is no Terraform instance in {instance_folder(context.folder)}, and no mark on the cluster"
        raise _refused(
            context, f"no run of {context.fleet.name} has made it: {missing}", "Remove it where it was made."
        )
    if (fleet := owner.get(FLEET, "")) != context.fleet.name:
        why = f"it is of fleet {fleet or '(unknown)'}, and this config is of {context.fleet.name}"
        raise _refused(context, why, "Retire it with the config of its own fleet.")
    refuse_anothers(context.with_cluster(cluster, made_by=run))
    return run


def refuse_anothers(context: StepContext) -> None:
    """Raise RefusedError where the cluster, as its type sees it, was not made by the context's `run_id`.

    One that is there no more is fine.
    """
    owner = _instances_owner(context)
    if owner and (owner.get(RUN), owner.get(FLEET)) != (context.run_id, context.fleet.name):
        raise _refused(context, f"{instance_folder(context.folder)} is of run {owner.get(RUN)} by now", _OTHERS)
    kind = context.cluster_type(context.cluster.type)
    try:
        if context.cluster.name not in kind.taken_names(context.fleet):
            return
    except NotYetError:
        pass  # then the check says what it lacks
    verdict = kind.check(context)
    if verdict.decision is Decision.REFUSE:
        raise _refused(context, verdict.reason, _OTHERS)


_OTHERS = "It is another cluster of that name; look who made it."


def _owner(context: StepContext) -> Mapping[str, str]:
    """The marks of its owner; empty where it bears none, or is not there."""
    from ws_deployment.clients.helm_releases import deployed  # noqa: PLC0415  loaded when used
    from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy
    from ws_deployment.clients.owner_marks import owner_marks  # noqa: PLC0415  loaded when used

    if owner := _instances_owner(context):
        return owner
    try:
        kube = connect(context.kubeconfig(), context.cluster.context)
    except NotYetError:
        return {}
    return owner_marks(kube, deployed(kube), RUN)


def _instances_owner(context: StepContext) -> Mapping[str, str]:
    from ws_deployment.tools.files import read_json  # noqa: PLC0415  loaded when used

    told = read_json(instance_folder(context.folder) / "owner.json")
    if not isinstance(told, dict):
        return {}
    return {RUN: str(told.get("run", "")), FLEET: str(told.get("fleet", context.fleet.name))}


def _refused(context: StepContext, why: str, remedy: str) -> RefusedError:
    return RefusedError(_ATTEMPTED, on=context.cluster.short_name, why=why, remedy=remedy)
