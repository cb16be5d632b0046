"""traffic-shift: moves a meta cluster's starts from old clusters to the run's new ones, stage by stage.

Which clusters are old is decided here; the arithmetic is in ws_deployment.traffic, the writes in the router.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from pydantic import Field, field_validator

from ws_deployment.config.duration import Duration, format_duration
from ws_deployment.config.v1 import Percent
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import (
    Change,
    IPreRun,
    IStep,
    ITrafficRouter,
    NotYetError,
    Outputs,
    Parameters,
    PreRun,
    Registration,
    Scope,
    Stage,
    StepContext,
    StepPlan,
    SubTask,
    Undo,
    Verdict,
)
from ws_deployment.traffic.ramp import DEFAULT_SCORE, HIGHEST_SCORE, ramp, shares
from ws_deployment_steps import shift_back
from ws_deployment_steps.succession import clusters as _clusters
from ws_deployment_steps.succession import new as _new
from ws_deployment_steps.succession import old as _old

#: What a bridge makes of the hint that a cluster is registered with.
_HINTED = {"none": DEFAULT_SCORE, "prefer": HIGHEST_SCORE, "dontschedule": 0}

#: What the task hands on: the clusters (short names) that were taken over from. In the data of the first sub-task too.
OLD = "old"


class TrafficShiftParameters(Parameters):
    """What traffic-shift takes."""

    via: str = Field(default="bridge", description="bridge, werft, command, or another installed traffic router.")
    options: dict[str, Any] = Field(default_factory=dict, description="The router's own parameters.")
    stages: tuple[Percent, ...] = Field(
        default=(10, 50, 100), min_length=1, description="Percent of starts that the new clusters take together."
    )
    hold: Duration = Field(default=900.0, ge=0, description="Wait between two stages.")

    @field_validator("stages")
    @classmethod
    def _rising_to_all(cls, stages: tuple[float, ...]) -> tuple[float, ...]:
        if any(later <= earlier for earlier, later in pairwise(stages)) or stages[-1] != 100:  # noqa: PLR2004  percent
            msg = "stages rise and end with 100, like [10, 50, 100]"
            raise ValueError(msg)
        return stages


class TrafficShift(IStep[TrafficShiftParameters]):
    """Raise the new clusters, then lower the old; at the end cordon the old. Nothing is deleted."""

    summary = "Move traffic from the old clusters to the new ones, stage by stage."
    scope = Scope.META
    parameters_model = TrafficShiftParameters

    def pre_runs(self) -> Sequence[IPreRun]:
        """The new clusters answer and are registered, and it is known what they take over from."""
        return (
            PreRun("alive", _alive),
            PreRun("registered", self._registered),
            PreRun("old clusters", self._old_known),
        )

    def plan(self, context: StepContext) -> StepPlan:
        """The ramp: every write and every hold is a sub-task of its own."""
        router = self._router(context)
        try:
            registrations = router.registrations()
        except NotYetError as error:
            if not context.dry_run:
                raise
            return self._offline(context, error)
        others = [registration for registration in registrations if registration.name not in _new(context)]
        foreseen = _foreseen(context, registrations)
        if foreseen and not context.dry_run:
            missing = ", ".join(registration.name for registration in foreseen)
            raise NotYetError("planning", on=context.meta.name, why=f"{missing} not registered yet")
        registrations = (*registrations, *foreseen)
        stages = self._stages(context, registrations)
        subtasks = tuple(subtask for stage in stages for subtask in self._subtasks(router, stage))
        old = _old(context, registrations)
        return StepPlan(
            _summary(_new(context), old, [stage.percent for stage in stages]),
            Change.UPDATE if subtasks else Change.NONE,
            diff="\n".join(f"{subtask.name}: {subtask.summary}" for subtask in subtasks),
            fingerprint={f"weight of {registration.name}": _weight(registration) for registration in others},
            subtasks=_telling(old, shift_back.remembering(subtasks, registrations, _new(context))),
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs | None:
        """Carry out one write and tell how traffic is split now."""
        router = self._router(context)
        router.carry_out(subtask)
        _tell(context, shares(router.registrations()))
        return {OLD: subtask.data[OLD]} if OLD in subtask.data else None

    def verify(self, context: StepContext) -> None:
        """The new clusters take starts, and none of the old ones does."""
        registrations = {registration.name: registration for registration in self._router(context).registrations()}
        for name in _new(context):
            if not registrations[name].effective:
                raise WsDeploymentError("verifying traffic of", on=context.meta.name, why=f"{name} takes no starts")
        if left := [name for name in _old(context, tuple(registrations.values())) if registrations[name].effective]:
            raise WsDeploymentError(
                "verifying traffic of", on=context.meta.name, why=f"{', '.join(left)} still take starts"
            )

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """Weights and cordons as they were before the shift."""
        return shift_back.plan(self._router(context), undo)

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:
        """Carry out one write back and tell how traffic is split now."""
        _tell(context, shift_back.carry_out(self._router(context), subtask, undo))

    def verify_rollback(self, context: StepContext, undo: Undo) -> None:
        """Every weight that the shift wrote is as before."""
        shift_back.verify(self._router(context), undo)

    def _router(self, context: StepContext) -> ITrafficRouter:
        return context.traffic_router(self.parameters.via, self.parameters.options, context.meta)

    def _registered(self, context: StepContext) -> Verdict:
        try:
            names = {registration.name for registration in self._router(context).registrations()}
        except NotYetError as error:
            return context.missing(f"{context.meta.name}: {error.why}", error.remedy)
        missing = [name for name in _new(context) if name not in names]
        if missing:
            return Verdict.deferred(f"{', '.join(missing)} not registered at {context.meta.name} yet")
        return Verdict.proceed()

    def _old_known(self, context: StepContext) -> Verdict:
        registrations = self._router(context).registrations()
        old = _old(context, registrations)
        named = {name for cluster in _clusters(context) for name in cluster.replaces or ()}
        if unknown := sorted(named - {registration.name for registration in registrations}):
            return Verdict.refuse(
                f"`replaces` names {', '.join(unknown)}, not registered at {context.meta.name}",
                f"Registered there: {', '.join(sorted(r.name for r in registrations)) or 'none'}.",
            )
        return Verdict.proceed(f"takes over from {', '.join(old)}" if old else "nothing to take over from")

    def _stages(self, context: StepContext, registrations: Sequence[Registration]) -> tuple[Stage, ...]:
        old = _old(context, registrations)
        return ramp(_new(context), old, registrations, self.parameters.stages, self.parameters.hold)

    def _subtasks(self, router: ITrafficRouter, stage: Stage) -> list[SubTask]:
        subtasks = list(router.subtasks(stage))
        if stage.hold:
            hold = f"hold at {stage.percent:g} % for {format_duration(stage.hold)}"
            subtasks.append(SubTask(f"{stage.percent:g}%/hold", hold, hold=stage.hold))
        return subtasks

    def _offline(self, context: StepContext, reason: NotYetError) -> StepPlan:
        """What can be said of the ramp without knowing the weights."""
        levels = ", ".join(f"{percent:g} %" for percent in self.parameters.stages)
        holds = format_duration(self.parameters.hold)
        return StepPlan(
            f"move {context.meta.name}'s traffic to {', '.join(_new(context))}: {levels}, holding {holds} between",
            Change.UPDATE,
            unknown=(f"which clusters it moves from, and the single writes: {reason.why}",),
            subtasks=(),
        )


def _telling(old: Sequence[str], subtasks: Sequence[SubTask]) -> tuple[SubTask, ...]:
    """The sub-tasks, the first of which says which clusters are taken over from."""
    if not subtasks or not old:
        return tuple(subtasks)
    first = replace(subtasks[0], data={**subtasks[0].data, OLD: list(old)})
    return (first, *subtasks[1:])


def _tell(context: StepContext, split: Mapping[str, float]) -> None:
    context.traffic({name: round(share, 1) for name, share in split.items() if share})


def _foreseen(context: StepContext, registrations: Sequence[Registration]) -> tuple[Registration, ...]:
    """The run's clusters that are not registered yet, as the bridge will have them: cordoned, scored by their hint."""
    there = {registration.name for registration in registrations}
    return tuple(
        Registration(cluster.short_name, _HINTED[cluster.governance(context.meta.name).preferability], available=False)
        for cluster in _clusters(context)
        if cluster.short_name not in there
    )


def _weight(registration: Registration) -> str:
    state = "available" if registration.available else "cordoned"
    return f"score {registration.score} of at most {registration.max_score}, {state}"


def _alive(context: StepContext) -> Verdict:
    """The API of every new cluster answers; one that is not made yet is looked at when its time comes."""
    from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy

    for cluster in _clusters(context):
        connect(context.with_cluster(cluster).kubeconfig(), cluster.context).version()
    return Verdict.proceed()


def _summary(new: Sequence[str], old: Sequence[str], percents: Sequence[float]) -> str:
    levels = " → ".join(f"{percent:g} %" for percent in percents)
    source = f"from {', '.join(old)} " if old else ""
    return f"move traffic {source}to {', '.join(new)}: {levels}"
