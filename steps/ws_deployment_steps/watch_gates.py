"""watch-gates: has gates judge clusters for a while, without traffic being moved; between waves of upgrades, say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from ws_deployment.config.duration import Duration, format_duration
from ws_deployment.config.ready_gates import resolved
from ws_deployment.errors import TransientError
from ws_deployment.interfaces import (
    Change,
    IPreRun,
    IStep,
    NotYetError,
    Outputs,
    PreRun,
    Scope,
    StepContext,
    StepPlan,
    SubTask,
    TurnBackError,
    Verdict,
    WorkspaceCluster,
)
from ws_deployment_steps import judges
from ws_deployment_steps.pulse import Pulse
from ws_deployment_steps.shift_judging import GateParameters
from ws_deployment_steps.shift_watch import Bounds, Watched, watch


class WatchGatesParameters(GateParameters):
    """What watch-gates takes."""

    time: Duration = Field(default=600.0, ge=0, description="How long they judge at least.")
    turn_back: Literal["task", "run"] = Field(
        default="task",
        description="What is taken back when a gate fails: nothing but this task, which then fails; or the whole run.",
    )

    @model_validator(mode="after")
    def _judge_alone(self) -> Self:
        if not self.gates:
            msg = "it takes `gates`: at least one"
            raise ValueError(msg)
        for gate in self.gates:
            if resolved(gate, "2026").compare:
                msg = f"gate `{gate.called}` compares with old clusters, and there are none: give it `failWhen`"
                raise ValueError(msg)
        return self


class WatchGates(IStep[WatchGatesParameters]):
    """A gate that fails, or a cluster that does not answer any more, keeps the next wave from beginning."""

    summary = "Have gates judge clusters for a while, without moving traffic."
    scope = Scope.META
    moves_traffic = False
    parameters_model = WatchGatesParameters

    def pre_runs(self) -> Sequence[IPreRun]:
        """The gates can be asked."""
        return (PreRun("gates", self._askable),)

    def plan(self, context: StepContext) -> StepPlan:
        """Who judges whom, and for how long."""
        gates = ", ".join(gate.called for gate in self.parameters.gates or ())
        told = f"have {', '.join(_names(context))} judged by {gates} for {format_duration(self.parameters.time)}"
        return StepPlan(told, Change.READ, subtasks=(SubTask("watch", told, watches=True),))

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:  # noqa: ARG002  there is one
        """Look on until all gates are content and the time is over. Raises TurnBackError where one fails."""
        names = _names(context)
        with judges.prometheus(context) as client:
            if client is None:
                raise _nobody(context)
            gates = judges.gate_watch(context, self.parameters, client, names, ())
            gates.begin_stage(100.0)
            what = f"the watch over {', '.join(names)}"
            return watch(
                context,
                Watched(
                    bounds=Bounds(percent=100.0, hold=self.parameters.time, what=what),
                    shares={},
                    wanted={},
                    before={},
                    gates=gates,
                    starts=None,
                    pulse=Pulse(judges.pulses(context, _clusters(context)), self.parameters.lost_after),
                    must_measure=False,
                    turn_back=lambda _names, why, look_at: self._turn_back(context, why, look_at),
                ),
            )

    def _turn_back(self, context: StepContext, why: str, look_at: str) -> TurnBackError:
        whole_run = self.parameters.turn_back == "run"
        return TurnBackError("judging at", on=context.meta.name, why=why, remedy=look_at, whole_run=whole_run)

    def _askable(self, context: StepContext) -> Verdict:
        try:
            with judges.prometheus(context) as client:
                if client is None:
                    nobody = _nobody(context)
                    return context.missing(nobody.why, nobody.remedy)
                return judges.gate_watch(context, self.parameters, client, _names(context), ()).check()
        except TransientError as error:
            return context.missing(f"Prometheus can't be asked: {error.why}", error.remedy or "Mend it, and run again.")


def _clusters(context: StepContext) -> tuple[WorkspaceCluster, ...]:
    return tuple(context.fleet.governed_by(context.meta.name))


def _names(context: StepContext) -> list[str]:
    return [cluster.short_name for cluster in _clusters(context)]


def _nobody(context: StepContext) -> NotYetError:
    return NotYetError(
        "judging at",
        on=context.meta.name,
        why=f"gates ask Prometheus, and none is known of {context.meta.name}",
        remedy=f"Add `prometheus: {{url: …}}` to the meta cluster {context.meta.name}.",
    )
