"""retire-cluster: takes old clusters away for good, when nobody is sent to them and nobody works on them any more.

Which clusters: those that this run's shift took over from, or those that are named. What forbids it, and how each is
waited for and removed, stands in modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from ws_deployment.config.duration import Duration, format_duration
from ws_deployment.config.gates import Gate
from ws_deployment.errors import RefusedError
from ws_deployment.interfaces import (
    Change,
    IPreRun,
    IRegistrar,
    IStep,
    MetaCluster,
    NotYetError,
    Outputs,
    PreRun,
    Scope,
    StepContext,
    StepPlan,
    SubTask,
    TurnBackError,
    Undo,
    Verdict,
)
from ws_deployment_steps import destruction, shift_group, soak_judging
from ws_deployment_steps.forcing import refused
from ws_deployment_steps.retirees import Choice, Retiree, choose, made_by_config
from ws_deployment_steps.retirement import Retirement, verify_gone
from ws_deployment_steps.shift_judging import GateParameters
from ws_deployment_steps.shift_watch import Bounds
from ws_deployment_steps.soak_judging import Soak
from ws_deployment_steps.standing import standings
from ws_deployment_steps.traffic_shift import OLD

_DAY = 86400.0


class RetireParameters(GateParameters):
    """What retire-cluster takes."""

    soak: Duration = Field(default=_DAY, ge=0, description="Wait before anything is done to them.")
    approval: bool | str = Field(default=False, description="Ask a person first: true, or the question.")
    drain_limit: Duration = Field(
        default=1.5 * _DAY, gt=0, description="How long to wait for their workspaces before a person is asked."
    )
    via: str = Field(default="bridge", description="bridge, gpctl, command, or another installed registrar.")
    options: dict[str, Any] = Field(default_factory=dict, description="The registrar's own parameters.")
    turn_back: Literal["run", "task"] = Field(
        default="run",
        description="What goes back when a gate fails during the soak: the run with its traffic, or nothing; in either "
        "case no cluster goes.",
    )
    shift: str = Field(default="traffic-shift", description="Name of the step whose old clusters go.")
    clusters: tuple[str, ...] = Field(
        default=(), description="Short names; default: those that the shift of this run took over from."
    )


class RetireCluster(IStep[RetireParameters]):
    """One task a meta cluster: soak, approval, then each old cluster is cordoned, drained, deregistered, destroyed."""

    summary = "Retire old clusters: wait until nobody works on them, deregister, destroy."
    scope = Scope.META
    moves_traffic = False
    parameters_model = RetireParameters

    def pre_runs(self) -> Sequence[IPreRun]:
        """The clusters are known, ours, not in use by starts, and this machine can destroy them."""
        judged = (PreRun("gates", self._gates_answer),) if self.parameters.gates else ()
        return (PreRun("may go", self._may_go), *judged)

    def plan(self, context: StepContext) -> StepPlan:
        """Every effect on every cluster is a sub-task of its own."""
        names = self._names(context)
        if names is None and context.dry_run:
            return self._foreseen(context)
        choice = choose(context, names or (), named=bool(self.parameters.clusters))
        kept = f"; {choice.kept_words}" if choice.kept else ""
        if not choice.retirees:
            return StepPlan(f"there is nothing to retire{kept}", Change.NONE, subtasks=())
        subtasks = self._subtasks(context, choice)
        names = tuple(each.cluster.short_name for each in choice.retirees)
        notes = self._soak(context, names).left_out(context) if self.parameters.gates else ()
        return StepPlan(
            f"retire {choice.names}, which is removed for good{kept}",
            Change.DESTROY,
            diff="\n".join([*(f"{subtask.name}: {subtask.summary}" for subtask in subtasks), *notes]),
            fingerprint={f"maker of {each.cluster.short_name}": each.made_by for each in choice.retirees},
            subtasks=subtasks,
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs | None:
        """Carry out one effect on one cluster."""
        if context.recalled():
            why = "another part of the run turned bad"
            raise TurnBackError("retiring at", on=context.meta.name, why=why)
        if subtask.name == "soak":
            return self._soak(context, subtask.data["clusters"]).watch(
                context, Bounds(**subtask.data["bounds"]), self._registrar(context)(context.meta).registrations()
            )
        its = self._retirement(context, subtask)
        match subtask.name.rpartition("/")[2]:
            case "cordon":
                its.cordon()
            case "drain":
                return its.drain(self.parameters.drain_limit, context.question)
            case "deregister":
                its.deregister()
            case "destroy-plan":
                return its.plan_destruction()
            case "destroy":
                its.destroy()
            case _:
                return its.verify()
        return None

    def verify(self, context: StepContext) -> None:
        """Nothing is left of them."""
        names = self._names(context)
        if names is None:
            raise NotYetError("verifying the retirement at", on=context.meta.name, why="which clusters is not known")
        for each in choose(context, names, named=False).retirees:  # one that is gone has no mark of ours any more
            verify_gone(each.seen_from(context), self._registrar(context))

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """Nothing that is gone comes back: it is refused for each such cluster. The others stay cordoned."""
        parts = {f"retired/{name}": why for name, why in self._gone(context, undo)}
        if left := {part: why for part, why in parts.items() if part not in undo.forced}:
            first = "What is gone does not come back: roll out a new cluster instead"
            raise refused("undoing the retirement at", context.meta.name, left, first=first)
        gone = f", without {', '.join(part.partition('/')[2] for part in parts)}" if parts else ""
        return StepPlan(f"nothing of a retirement is undone{gone}", Change.NONE, subtasks=())

    def _may_go(self, context: StepContext) -> Verdict:
        names = self._names(context)
        if names is None:
            return Verdict.deferred(f"which clusters go is known after {self.parameters.shift}")
        try:
            choice = choose(context, names, named=bool(self.parameters.clusters))
            for retiree in choice.retirees:
                self._about(context, retiree, frozenset()).check()
                destruction.check_program(retiree.seen_from(context))
        except RefusedError as error:
            return Verdict.refuse(f"{error.on}: {error.why}", error.remedy)
        return Verdict.proceed(f"{choice.names or 'none'} may go")

    def _gates_answer(self, context: StepContext) -> Verdict:
        names = self._names(context)
        if names is None:
            return Verdict.deferred(f"which clusters go is known after {self.parameters.shift}")
        return self._soak(context, names).check(context)

    def _soak(self, context: StepContext, names: Sequence[str]) -> Soak:
        """Who is judged while these clusters wait for their retirement, and by what is known of the shift."""
        named = bool(self.parameters.clusters)
        registrations = self._registrar(context)(context.meta).registrations()
        return Soak(
            self.parameters,
            old=names,
            new=soak_judging.taking(context, registrations, names, named=named),
            known=context.outputs(self.parameters.shift).get("gates") or {},
            whole_run=self.parameters.turn_back == "run" and not named,
        )

    def _names(self, context: StepContext) -> tuple[str, ...] | None:
        """Short names of those that shall go as far as the world allows; None before the shift."""
        if self.parameters.clusters:
            return self.parameters.clusters
        told = context.outputs(self.parameters.shift).get(OLD)
        return None if told is None else tuple(told)

    def _foreseen(self, context: StepContext) -> StepPlan:
        """What can be said before the shift: the clusters that it will take over from, if the world stays as it is."""
        try:
            names = shift_group.old(context, self._registrar(context)(context.meta).registrations())
        except NotYetError as error:
            return StepPlan(
                "retire the clusters that traffic has moved from",
                Change.DESTROY,
                unknown=(f"which clusters: {error.why}",),
                subtasks=(),
            )
        choice = choose(context, names, named=False)
        kept = f"; {choice.kept_words}" if choice.kept else ""
        soak = format_duration(self.parameters.soak)
        judged = f", judged by {_called(self.parameters.gates)}," if self.parameters.gates else ""
        return StepPlan(
            f"after {soak}{judged} retire {choice.names or 'nothing'}{kept}",
            Change.DESTROY,
            unknown=(f"the single effects, after {self.parameters.shift}",),
            subtasks=(),
        )

    def _subtasks(self, context: StepContext, choice: Choice) -> tuple[SubTask, ...]:
        """All are cordoned first: they drain together, and each is removed when its turn has come."""
        told = self.parameters
        soak = f"wait {format_duration(told.soak)} before {choice.names} may go"
        question = told.approval if isinstance(told.approval, str) else f"Retire {choice.names} for good?"
        first = [SubTask("soak", soak, hold=told.soak)] if told.soak else []
        first += [SubTask("approve", f"wait for an approval: {question}", approval=question)] if told.approval else []
        if told.gates:
            names = [each.cluster.short_name for each in choice.retirees]
            bounds = soak_judging.bounds(names, told.soak, question if told.approval else "")
            asks = f", and until a person approves: {question}" if told.approval else ""
            data = {"clusters": names, "bounds": asdict(bounds)}
            first = [SubTask("soak", f"{soak}, judged by {_called(told.gates)}{asks}", watches=True, data=data)]
        of_each = [self._effects(context, retiree) for retiree in choice.retirees]
        return (*first, *(effects[0] for effects in of_each), *(each for effects in of_each for each in effects[1:]))

    def _effects(self, context: StepContext, retiree: Retiree) -> list[SubTask]:
        name = retiree.cluster.short_name
        there = retiree.seen_from(context)
        metas = [at.meta for at in standings(there, self._registrar(context)) if at.there]
        data = {"cluster": name, "run": retiree.made_by, "metas": metas}
        at = f" at {', '.join(metas)}" if metas else ""
        by_terraform = destruction.by_terraform(there)
        told = {
            "cordon": f"cordon {name}{at}",
            "drain": f"wait until no workspace is left on {name}",
            "deregister": f"deregister {name}{at}",
            "destroy-plan": f"save Terraform's plan to destroy {retiree.cluster.name}",
            "destroy": f"remove {retiree.cluster.name}",
            "verify": f"make sure that nothing is left of {name}",
        }
        if not by_terraform:
            del told["destroy-plan"]
        return [
            SubTask(f"{name}/{effect}", summary, watches=effect == "drain", data=data)
            for effect, summary in told.items()
        ]

    def _retirement(self, context: StepContext, subtask: SubTask) -> Retirement:
        told = subtask.data
        retiree = Retiree(made_by_config(context, told["cluster"]), told["run"])
        return self._about(context, retiree, frozenset(told["metas"]))

    def _gone(self, context: StepContext, undo: Undo) -> Iterator[tuple[str, str]]:
        """Clusters that are gone, or half so, each with what of it."""
        told = {subtask.data["cluster"]: subtask.data for subtask in undo.plan.subtasks if "cluster" in subtask.data}
        for name, data in told.items():
            there = Retiree(made_by_config(context, name), data["run"]).seen_from(context)
            registered = {at.meta for at in standings(there, self._registrar(context)) if at.there}
            lost = [meta for meta in data["metas"] if meta not in registered]
            if f"{name}/destroy" in undo.finished:
                yield name, f"{name} is removed"
            elif lost:
                yield name, f"{name} is registered no more at {', '.join(lost)}"

    def _about(self, context: StepContext, retiree: Retiree, was_at: frozenset[str]) -> Retirement:
        return Retirement(retiree.seen_from(context), self._registrar(context), context.run_id, was_at)

    def _registrar(self, context: StepContext) -> Callable[[MetaCluster], IRegistrar]:
        def at(meta: MetaCluster) -> IRegistrar:
            return context.registrar(self.parameters.via, self.parameters.options, meta)

        return at


def _called(gates: Sequence[Gate]) -> str:
    """The names of gates."""
    return ", ".join(gate.called for gate in gates)
