"""traffic-shift: moves a meta cluster's starts from old clusters to the run's new ones, stage by stage.

Which clusters are old is decided in `shift_group`, the arithmetic is in ws_deployment.traffic, the writes are the
router's; what must hold before the next stage is watched by `shift_watch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field, model_validator

from ws_deployment.config.duration import Duration
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import (
    Change,
    IPreRun,
    IStep,
    ITrafficRouter,
    NotYetError,
    Outputs,
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
from ws_deployment.traffic.ramp import ramp, shares
from ws_deployment_steps import (
    shift_back,
    shift_beside,
    shift_canary,
    shift_group,
    shift_judges,
    shift_words,
    warmup,
)
from ws_deployment_steps.shift_judging import JudgingParameters
from ws_deployment_steps.shift_plan import DOES, Ramp, percents
from ws_deployment_steps.shift_stages import ALL, CanaryParameters, StageEntry, canary_of, stages_of
from ws_deployment_steps.warmup import Room, WarmupParameters

#: What the task hands on: the clusters (short names) that were taken over from. In the data of the first sub-task too.
OLD = "old"


class TrafficShiftParameters(JudgingParameters):
    """What traffic-shift takes."""

    via: str = Field(default="bridge", description="bridge, werft, command, or another installed traffic router.")
    options: dict[str, Any] = Field(default_factory=dict, description="The router's own parameters.")
    stages: tuple[StageEntry, ...] = Field(
        default=(10, 50, 100),
        min_length=1,
        description="Percents of starts that the new clusters take together, `approve` between two, or objects.",
    )
    hold: Duration = Field(default=900.0, ge=0, description="Least time at each stage but the last.")
    soak: Duration = Field(default=0.0, ge=0, description="Least time at the last stage; gates go on judging.")
    warmup: WarmupParameters | None = Field(
        default=None, description="Before each stage wait until the new clusters have room; default: nobody looks."
    )

    @model_validator(mode="after")
    def _rising_to_all(self) -> TrafficShiftParameters:
        stages_of(self.stages, self.hold)
        if self.canary and self.via != "bridge":
            msg = f"a canary limits whom a bridge admits; `via: {self.via}` can't"
            raise ValueError(msg)
        return self

    @property
    def canary(self) -> CanaryParameters | None:
        """What comes before the first stage."""
        return canary_of(self.stages, self.hold)


class TrafficShift(IStep[TrafficShiftParameters]):
    """Raise the new clusters, then lower the old; at the end cordon the old. Nothing is deleted."""

    summary = "Move traffic from the old clusters to the new ones, stage by stage."
    scope = Scope.META
    parameters_model = TrafficShiftParameters

    def pre_runs(self) -> Sequence[IPreRun]:
        """The new clusters answer and are registered, it is known what they take over from, and gates can judge."""
        return (
            PreRun("alive", _alive),
            PreRun("registered", self._registered),
            PreRun("old clusters", self._old_known),
            PreRun("gates", self._gates_answer),
            PreRun("room", self._room_known),
        )

    def plan(self, context: StepContext) -> StepPlan:
        """The ramp: every write, every watch and every hold is a sub-task of its own."""
        router = self._router(context)
        try:
            registrations = router.registrations()
        except NotYetError as error:
            if not context.dry_run:
                raise
            return self._offline(context, error)
        new = shift_group.new(context)
        others = [registration for registration in registrations if registration.name not in new]
        foreseen = shift_group.foreseen(context, registrations)
        if foreseen and not context.dry_run:
            missing = ", ".join(registration.name for registration in foreseen)
            raise NotYetError("planning", on=context.meta.name, why=f"{missing} not registered yet")
        registrations = (*registrations, *foreseen)
        stages = self._stages(context, registrations)
        ramp = self._ramp(context, stages, registrations)
        subtasks = tuple(ramp.subtasks(router, registrations))
        old = _old(context, registrations)
        notes = [stage.imprecise for stage in stages if stage.imprecise]
        notes += [shift_words.NO_CANARY] if self.parameters.canary and not ramp.canary else []
        notes += shift_judges.foretold(context, self.parameters, stages[0].percent, old)
        return StepPlan(
            shift_words.summary(new, old, [stage.percent for stage in stages], ramp.canary),
            Change.UPDATE if subtasks else Change.NONE,
            diff="\n".join([*(f"{subtask.name}: {subtask.summary}" for subtask in subtasks), *notes]),
            fingerprint={f"weight of {registration.name}": shift_words.weight(registration) for registration in others},
            subtasks=_telling(old, shift_back.remembering(subtasks, registrations, new)),
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs | None:
        """Carry out one write and tell how traffic is split now, or watch a stage."""
        old = {OLD: subtask.data[OLD]} if OLD in subtask.data else {}
        return {**self._done(context, self._router(context), subtask), **old}

    def _done(self, context: StepContext, router: ITrafficRouter, subtask: SubTask) -> Outputs:
        match subtask.data.get(DOES):
            case "look":
                return shift_judges.looked(context, self.parameters, subtask.data["clusters"])
            case "watch":
                return shift_judges.watched(context, router, self.parameters, subtask)
            case "warmup":
                return self._warmed(context, router, subtask)
            case "release":
                warmup.release(context, [name for name in subtask.data["clusters"] if name not in context.left_out])
            case "limit" | "admit":
                shift_canary.carry_out(context, subtask)
                _tell(context, _of_all(router))
            case _:
                router.carry_out(subtask)
                _tell(context, _of_all(router))
        return {}

    def verify(self, context: StepContext) -> None:
        """The new clusters take starts, and none of the old ones does."""
        registrations = {registration.name: registration for registration in self._router(context).registrations()}
        for name in shift_group.new(context):
            if name not in context.left_out and not registrations[name].effective:
                raise WsDeploymentError("verifying traffic of", on=context.meta.name, why=f"{name} takes no starts")
            if self.parameters.canary and name not in context.left_out and registrations[name].limited:
                raise WsDeploymentError(
                    "verifying traffic of", on=context.meta.name, why=f"{name} still admits only some users"
                )
        old = _old(context, tuple(registrations.values()))
        if left := [name for name in old if name not in context.left_out and registrations[name].effective]:
            raise WsDeploymentError(
                "verifying traffic of", on=context.meta.name, why=f"{', '.join(left)} still take starts"
            )

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """Weights and cordons as they were before the shift."""
        return shift_beside.undone_too(context, shift_back.plan(self._router(context), undo), undo)

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:
        """Carry out one write back and tell how traffic is split now, or undo what was done beside."""
        if DOES in subtask.data:
            self._done(context, self._router(context), subtask)
            return
        _tell(context, shift_back.carry_out(self._router(context), subtask, undo))

    def verify_rollback(self, context: StepContext, undo: Undo) -> None:
        """Every weight that the shift wrote is as before."""
        shift_back.verify(self._router(context), undo)
        shift_beside.verify(context, undo)

    def _router(self, context: StepContext) -> ITrafficRouter:
        return context.traffic_router(self.parameters.via, self.parameters.options, context.meta)

    def _registered(self, context: StepContext) -> Verdict:
        try:
            names = {registration.name for registration in self._router(context).registrations()}
        except NotYetError as error:
            return context.missing(f"{context.meta.name}: {error.why}", error.remedy)
        missing = [name for name in shift_group.new(context) if name not in names]
        if missing:
            return Verdict.deferred(f"{', '.join(missing)} not registered at {context.meta.name} yet")
        return Verdict.proceed()

    def _old_known(self, context: StepContext) -> Verdict:
        registrations = self._router(context).registrations()
        old = _old(context, registrations)
        named = {name for cluster in shift_group.clusters(context) for name in cluster.replaces or ()}
        if unknown := sorted(named - {registration.name for registration in registrations}):
            return Verdict.refuse(
                f"`replaces` names {', '.join(unknown)}, not registered at {context.meta.name}",
                f"Registered there: {', '.join(sorted(r.name for r in registrations)) or 'none'}.",
            )
        return Verdict.proceed(f"takes over from {', '.join(old)}" if old else "nothing to take over from")

    def _gates_answer(self, context: StepContext) -> Verdict:
        if self.parameters.gates is None and context.fleet.environment == "production":
            return context.missing(
                "no gates are given for production", "Say which under the step's `with`, or `gates: none`."
            )
        if not self.parameters.watched:
            return Verdict.proceed("none")
        router = self._router(context)
        return shift_judges.check(context, router, self.parameters, _old(context, router.registrations()))

    def _room_known(self, context: StepContext) -> Verdict:
        if self.parameters.warmup is None:
            return Verdict.proceed("nobody looks")
        return warmup.check(context, _old(context, self._router(context).registrations()))

    def _warmed(self, context: StepContext, router: ITrafficRouter, subtask: SubTask) -> Outputs:
        wanted = self.parameters.warmup or WarmupParameters()
        split, new = percents(subtask.data["scores"], context.left_out), shift_group.new(context)
        room = Room(
            subtask.data["percent"],
            {name: share for name, share in split.items() if name in new},
            [name for name in split if name not in new],
        )
        turn_back = shift_judges.back(context, router, self.parameters, subtask)
        return warmup.warmed(context, wanted, room, turn_back)

    def _stages(self, context: StepContext, registrations: Sequence[Registration]) -> tuple[Stage, ...]:
        weights = {cluster.short_name: cluster.capacity for cluster in shift_group.clusters(context)}
        levels = [stage.percent for stage in stages_of(self.parameters.stages, self.parameters.hold)]
        before = _before(context)
        return ramp(
            shift_group.new(context),
            _old(context, registrations),
            registrations,
            levels,
            self.parameters.hold,
            weights=weights,
            before=[known for each in registrations if (known := shift_group.same(each, before))],
        )

    def _ramp(self, context: StepContext, stages: Sequence[Stage], registrations: Sequence[Registration]) -> Ramp:
        parameters = self.parameters
        old, new = _old(context, registrations), shift_group.new(context)
        there = shift_group.still_old(registrations, _before(context))
        its = [each for each in registrations if each.name in new]
        wanted = parameters.canary
        over = stages[0].percent == ALL or any(each.effective and not each.limited for each in its)
        canary = None if over else wanted
        return Ramp(
            stages,
            {stage.percent: stage for stage in stages_of(parameters.stages, parameters.hold)},
            {c.short_name: shift_group.replaces(context, c, there) for c in shift_group.clusters(context)},
            # Where there is nothing to go back to, and nothing to compare with, nobody need look on.
            watched=parameters.watched and bool(old),
            looks=bool(parameters.gates) and bool(old),
            soak=parameters.soak,
            misfit=parameters.misfit,
            warmup=parameters.warmup if old else None,
            canary=canary,
            lifted=()
            if canary or wanted is None
            else tuple((each.name, wanted.canary) for each in its if each.limited),
        )

    def _offline(self, context: StepContext, reason: NotYetError) -> StepPlan:
        """What can be said of the ramp without knowing the weights."""
        told = self.parameters
        return StepPlan(
            shift_words.offline(
                context.meta.name,
                shift_group.new(context),
                stages_of(told.stages, told.hold),
                told.canary,
                hold=told.hold,
                warms_up=told.warmup is not None,
            ),
            Change.UPDATE,
            unknown=(f"which clusters it moves from, and the single writes: {reason.why}",),
            subtasks=(),
        )


def _before(context: StepContext) -> dict[str, Registration]:
    """What an earlier attempt of the run went away from, by name; nothing at a first one."""
    return shift_back.before(context.attempted) if context.attempted else {}


def _old(context: StepContext, registrations: Sequence[Registration]) -> tuple[str, ...]:
    """What is taken over from, by short name; what an earlier attempt has cordoned too."""
    return shift_group.old(context, shift_group.still_old(registrations, _before(context)))


def _telling(old: Sequence[str], subtasks: Sequence[SubTask]) -> tuple[SubTask, ...]:
    """The sub-tasks, the first of which says which clusters are taken over from."""
    if not subtasks or not old:
        return tuple(subtasks)
    first = replace(subtasks[0], data={**subtasks[0].data, OLD: list(old)})
    return (first, *subtasks[1:])


def _of_all(router: ITrafficRouter) -> dict[str, float]:
    """How the starts of those are split who are admitted everywhere."""
    return shares([each for each in router.registrations() if not each.limited])


def _tell(context: StepContext, split: Mapping[str, float]) -> None:
    context.traffic({name: round(share, 1) for name, share in split.items() if share})


def _alive(context: StepContext) -> Verdict:
    """The API of every new cluster answers; one that is not made yet is looked at when its time comes."""
    from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy

    for cluster in shift_group.clusters(context):
        connect(context.with_cluster(cluster).kubeconfig(), cluster.context).version()
    return Verdict.proceed()
