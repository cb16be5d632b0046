"""apply-upgrade: writes what upgrade-diff has found, exactly that; and takes it back, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.interfaces import (
    Change,
    IPreRun,
    IStep,
    Outputs,
    PreRun,
    StepContext,
    StepPlan,
    SubTask,
    Undo,
    Verdict,
)
from ws_deployment_steps.forcing import refused
from ws_deployment_steps.management_access import PLAN, AfterDiff, inputs, management, plan_made, plan_so_far, read_plan

if TYPE_CHECKING:
    from ws_deployment.releases.plan import ObjectPlan, UpgradePlan
    from ws_deployment.releases.taking_back import Back

_BACK = "go back"


class ApplyUpgrade(IStep[AfterDiff]):
    """What was written is not written again, so that it can be cut short anywhere."""

    summary = "Apply exactly what upgrade-diff has found; a rollback writes the former values."
    parameters_model = AfterDiff

    def inputs(self, context: StepContext) -> Sequence[Path]:
        """The releases, where they are a folder."""
        return inputs(self.parameters.management, context)

    def pre_runs(self) -> Sequence[IPreRun]:
        """There is a plan, nobody else writes its objects, and no freeze holds the cluster."""
        return (PreRun("plan", self._ready),)

    def plan(self, context: StepContext) -> StepPlan:
        """The diff again; before upgrade-diff has run, that it is its diff."""
        from ws_deployment.releases.words import count, listing, title  # noqa: PLC0415  loaded when used

        found = plan_so_far(self.parameters, context)
        if found is None:
            return StepPlan(f"apply what {self.parameters.diff} shows", Change.UNKNOWN)
        if found.empty:
            return StepPlan(f"{title(found)}: nothing to do", Change.NONE, subtasks=())
        return StepPlan(
            f"{title(found)}: {count(found)}",
            Change.UPDATE,
            listing(found),
            # The plan stands here too, so that a rollback has the former values whatever else is lost.
            subtasks=(SubTask("apply", data={PLAN: found.as_json()}),),
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        """Write it, or go on where that was cut short."""
        from ws_deployment.releases.applying import apply_plan  # noqa: PLC0415  loaded when used

        plan = read_plan(subtask.data[PLAN], context)
        applied = apply_plan(management(self.parameters.management, context), plan, context.progress)
        return {"written": list(applied.written), "asPlanned": list(applied.as_planned), "to": plan.to_version}

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """Former values of exactly the fields that were changed; what was made goes with `destroy` alone."""
        from ws_deployment.releases.taking_back import lines  # noqa: PLC0415  loaded when used

        plan = _undone(undo, context)
        if plan is None:
            return StepPlan("nothing to undo", Change.NONE, subtasks=())
        back = self._back(context, plan, undo)
        _refuse(plan, back, undo)
        kept = f"; {', '.join(back.left)} stay{'s' * (len(back.left) == 1)}" if back.left else ""
        name = f"{plan.namespace}/{plan.cluster}"
        if not back.objects:
            return StepPlan(f"{name}: nothing left to take back{kept}", Change.NONE, subtasks=())
        fields, objects = sum(len(one.changes) for one in back.objects), len(back.objects)
        told = f"{fields} field{'s' * (fields != 1)} of {objects} object{'s' * (objects != 1)}"
        return StepPlan(
            f"{name}: {told} to their former values{kept}",
            Change.UPDATE,
            "\n".join(lines(back)),
            subtasks=(SubTask(_BACK),),
        )

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:  # noqa: ARG002  there is one
        """Write what is still to be written back."""
        from ws_deployment.releases.taking_back import take_back  # noqa: PLC0415  loaded when used

        plan = _undone(undo, context)
        if plan is not None:
            back = self._back(context, plan, undo)
            _refuse(plan, back, undo)
            take_back(management(self.parameters.management, context), back, context.progress)

    def verify_rollback(self, context: StepContext, undo: Undo) -> None:
        """Nothing is left to be taken back."""
        plan = _undone(undo, context)
        if plan is not None and (left := self._back(context, plan, undo).objects):
            why = f"{', '.join(one.planned.title for one in left)}: not as before"
            raise WsDeploymentError("taking back the upgrade of", on=f"{plan.namespace}/{plan.cluster}", why=why)

    def _ready(self, context: StepContext) -> Verdict:
        plan = plan_made(self.parameters, context)
        owners = {one.owner: one for one in plan.objects if one.owner and one.written}
        if owners:
            told = "; ".join(f"{one.title} is written by {owner}" for owner, one in owners.items())
            return Verdict.refuse(
                f"{told}; what is applied beside them is undone by them", "Use the step commit-upgrade for it instead."
            )
        if why := context.frozen(f"{plan.namespace}/{plan.cluster}"):
            return Verdict.refuse(why, "Lift it by `ws-deployment upgrade freeze --lift`, or try the run again later.")
        return Verdict.proceed()

    def _back(self, context: StepContext, plan: UpgradePlan, undo: Undo) -> Back:
        from ws_deployment.releases.taking_back import what_to_take_back  # noqa: PLC0415  loaded when used

        overwrite = {one.title for one in plan.objects if _part(one) in undo.forced}
        found = management(self.parameters.management, context)
        return what_to_take_back(found, plan, remove=undo.destroy, overwrite=overwrite)


def _undone(undo: Undo, context: StepContext) -> UpgradePlan | None:
    """The plan that was carried out; None where there was nothing to do."""
    done = [subtask for subtask in undo.plan.subtasks if PLAN in subtask.data]
    return read_plan(done[0].data[PLAN], context) if done else None


def _part(one: ObjectPlan) -> str:
    return f"upgraded/{one.kind}/{one.name}"


def _refuse(plan: UpgradePlan, back: Back, undo: Undo) -> None:
    on = f"{plan.namespace}/{plan.cluster}"
    if back.hindered:
        remedy = "Unpause it first, or revert the upgrade where its owner reads it."
        raise RefusedError("taking back the upgrade of", on=on, why=back.hindered, remedy=remedy)
    named = {one.title: _part(one) for one in plan.objects}
    parts = {named[title]: "; ".join(why) for title, why in back.moved.items()}
    irreversible = f"irreversible/{plan.cluster}"
    if back.irreversible and irreversible not in undo.forced:
        parts[irreversible] = f"can't be taken back, is left as it is: {'; '.join(back.irreversible)}"
    if parts:
        raise refused("taking back the upgrade of", on, parts)
