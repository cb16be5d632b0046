"""Takes a registration out of service again: cordoned and kept, or deregistered where it shall go."""

from __future__ import annotations

from collections.abc import Iterator

from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import Change, IRegistrar, Registration, StepContext, StepPlan, SubTask, Undo
from ws_deployment.traffic.restore import takes_starts
from ws_deployment_steps.forcing import refused, starts
from ws_deployment_steps.in_use import known_url, refuse_traffic, refuse_workspaces


def metas(context: StepContext, undo: Undo) -> Iterator[str]:
    """Names of the meta clusters at which the run may have registered the cluster."""
    seen = {subtask.name for subtask in undo.plan.subtasks}
    for governance in context.cluster.governed_by:
        # A cluster that the run made can't have been registered before it.
        found = undo.plan.fingerprint.get(f"registration at {governance.meta}", "none")
        before = found != "none" and not context.cluster.create
        if governance.meta in seen and not before:
            yield governance.meta


def ours(registrar: IRegistrar, context: StepContext, undo: Undo) -> Registration | None:
    """The registration that the run made: of its name and its URL. Another cluster of that name is not ours."""
    url = undo.outputs.get("url") or known_url(context)
    there = (each for each in registrar.registrations() if each.name == context.cluster.short_name)
    return next((each for each in there if each.url == url), None)


def plan(registrars: dict[str, IRegistrar], context: StepContext, undo: Undo) -> StepPlan:
    """One sub-task a meta cluster that has something to be taken back. Raises RefusedError."""
    name = context.cluster.short_name
    subtasks = []
    for meta, registrar in registrars.items():
        there = ours(registrar, context, undo)
        if there is None:
            continue
        if undo.destroy:
            _refuse_removal(context, meta, there, undo)
            subtasks.append(SubTask(meta, f"deregister {name} at {meta}"))
        elif there.available:
            _refuse_last(meta, registrar, there, undo)
            subtasks.append(SubTask(meta, f"cordon {name} at {meta}"))
    if not subtasks:
        state = "deregistered" if undo.destroy else "cordoned, and stays registered"
        return StepPlan(f"{name} is {state}", Change.NONE, subtasks=())
    return StepPlan(
        "; ".join(subtask.summary for subtask in subtasks),
        Change.DESTROY if undo.destroy else Change.UPDATE,
        subtasks=tuple(subtasks),
    )


def carry_out(registrar: IRegistrar, context: StepContext, meta: str, undo: Undo) -> None:
    """Cordon or deregister at one meta cluster, unless that is done; the guards are asked again."""
    there = ours(registrar, context, undo)
    if there is None:
        return
    if undo.destroy:
        _refuse_removal(context, meta, there, undo)
        registrar.deregister(there.name)
    elif there.available:
        _refuse_last(meta, registrar, there, undo)
        registrar.cordon(there.name)


def verify(registrars: dict[str, IRegistrar], context: StepContext, undo: Undo) -> None:
    """No meta cluster starts anything on it, and with `destroy` none knows it."""
    for meta, registrar in registrars.items():
        there = ours(registrar, context, undo)
        if there and (undo.destroy or there.available):
            why = "it is still registered" if undo.destroy else "it is still available"
            raise WsDeploymentError("undoing the registration of", on=f"{there.name} at {meta}", why=why)


def _refuse_removal(context: StepContext, meta: str, there: Registration, undo: Undo) -> None:
    refuse_traffic("deregistering", meta, there)
    refuse_workspaces("deregistering", context, undo.forced)


def _refuse_last(meta: str, registrar: IRegistrar, there: Registration, undo: Undo) -> None:
    """Refuse to cordon what alone takes starts."""
    others = [each for each in registrar.registrations() if each.name != there.name]
    part = starts(meta)
    if there.effective and not takes_starts(others) and part not in undo.forced:
        what = {part: f"nothing else at {meta} takes starts"}
        raise refused("cordoning", f"{there.name} at {meta}", what, first="Make another available first")
