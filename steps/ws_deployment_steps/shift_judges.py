"""Who judges a shift: its gates, the count of starts, and whether the new clusters answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.interfaces import (
    ITrafficRouter,
    NotYetError,
    Outputs,
    StepContext,
    SubTask,
    TurnBackError,
    Verdict,
)
from ws_deployment.traffic.ramp import shares
from ws_deployment_steps import shift_group
from ws_deployment_steps.judges import api, gate_watch, labels, prometheus, pulses
from ws_deployment_steps.pulse import Pulse
from ws_deployment_steps.shift_judging import JudgingParameters
from ws_deployment_steps.shift_plan import bounds_of, percents
from ws_deployment_steps.shift_watch import Watched, watch
from ws_deployment_steps.starts_asked import StartsAsked
from ws_deployment_steps.starts_counted import StartsCounted

if TYPE_CHECKING:
    from ws_deployment.clients.prometheus import PrometheusClient


def watched(context: StepContext, router: ITrafficRouter, wanted: JudgingParameters, subtask: SubTask) -> Outputs:
    """Watch a stage until it may be passed. Raises TurnBackError where it has to go back."""
    data = subtask.data
    new = [name for name in shift_group.new(context) if name not in context.left_out]
    old = [name for name in data["scores"] if name not in new and name not in context.left_out]
    left = [cluster for cluster in shift_group.clusters(context) if cluster.short_name in new]
    bounds = bounds_of(data)
    split = shares([each for each in router.registrations() if not each.limited])
    with _asked(context, wanted) as client:
        gates = None
        if wanted.gates and client:
            gates = gate_watch(context, wanted, client, new, old)
            if known := context.earlier.get("gates"):
                gates.from_json(known)
            gates.begin_stage(bounds.percent)
        return watch(
            context,
            Watched(
                bounds=bounds,
                shares=split,
                # What a canary takes depends on who comes: there is no share that it should have.
                wanted=split if bounds.what else percents(data["scores"], context.left_out),
                before=percents(data["former"], context.left_out),
                gates=gates,
                starts=None if bounds.what else _starts(context, router, wanted, client, [*new, *old]),
                pulse=Pulse(pulses(context, left), wanted.lost_after),
                must_measure=wanted.measured == "required" and not bounds.what,
                turn_back=back(context, router, wanted, subtask),
            ),
        )


def looked(context: StepContext, wanted: JudgingParameters, old: Sequence[str]) -> Outputs:
    """The first look of the gates, before the first write: what they know, for the watch of the first stage.

    However late that begins, it counts all starts since.
    """
    clusters = shift_group.clusters(context)
    with _asked(context, wanted) as client:
        if client is None:
            return {}
        gates = gate_watch(context, wanted, client, [cluster.short_name for cluster in clusters], old)
        gates.take_stock({cluster.short_name for cluster in clusters if cluster.create})
        return {"gates": gates.as_json()}


def back(
    context: StepContext, router: ITrafficRouter, wanted: JudgingParameters, subtask: SubTask
) -> Callable[[Sequence[str], str, str], TurnBackError]:
    """Makes the error that turns back: of clusters (short names; none for all), the reason, what to look at."""
    return _Back(context.meta.name, wanted.turn_back, subtask.data["replaces"], exact=router.exact)


def check(context: StepContext, router: ITrafficRouter, wanted: JudgingParameters, old: Sequence[str]) -> Verdict:
    """Whether the gates can be asked before any traffic moves; what they ask has to be there for the old clusters."""
    new = shift_group.new(context)
    try:
        with _asked(context, wanted) as client:
            if client is None and (wanted.gates or (wanted.measured == "required" and router.starts() is None)):
                return context.missing(
                    f"gates ask Prometheus, and none is known of {context.meta.name}",
                    f"Add `prometheus: {{url: …}}` to the meta cluster {context.meta.name}.",
                )
            if client and wanted.gates:
                return gate_watch(context, wanted, client, new, old).check()
    except NotYetError as error:
        return Verdict.deferred(f"{context.meta.name}: {error.why}")
    except TransientError as error:
        return context.missing(f"Prometheus can't be asked: {error.why}", error.remedy or "Mend it, and run again.")
    return Verdict.proceed("starts are counted")


def foretold(context: StepContext, wanted: JudgingParameters, percent: float, old: Sequence[str]) -> tuple[str, ...]:
    """For the plan: how long gates will be inconclusive at the first stage, at the present rate of starts.

    Nothing of what Prometheus can't tell now.
    """
    if not old or not wanted.gates:
        return ()
    try:
        with _asked(context, wanted) as client:
            if client is None:
                return ()
            told = gate_watch(context, wanted, client, shift_group.new(context), old).foresee(percent)
    except WsDeploymentError:
        return ()
    return tuple(f"{percent:g} %: gate {gate}: {text}" for gate, text in told.items())


def _asked(context: StepContext, wanted: JudgingParameters) -> AbstractContextManager[PrometheusClient | None]:
    """A client of the meta cluster's Prometheus, where anything is to be asked."""
    return prometheus(context) if wanted.gates or wanted.measured != "off" else nullcontext()


def _starts(
    context: StepContext,
    router: ITrafficRouter,
    wanted: JudgingParameters,
    client: PrometheusClient | None,
    names: Sequence[str],
) -> StartsCounted | None:
    if wanted.measured == "off":
        return None
    if router.starts() is not None:
        return StartsCounted(lambda: router.starts() or {}, wanted.settle)
    if client is None:
        return None
    asked = StartsAsked(client, labels(context, wanted)(names), api(context))
    return StartsCounted(asked.look, wanted.settle)


@dataclass(frozen=True)
class _Back:
    """Makes the error that takes back what the config says: the clusters with what they replace, all, or the run."""

    meta: str
    how: str
    replaces: Mapping[str, Sequence[str]]
    exact: bool

    def __call__(self, names: Sequence[str], why: str, look_at: str) -> TurnBackError:
        parts: frozenset[str] = frozenset()
        if self.how == "cluster" and self.exact:
            parts = frozenset(part for name in names for part in (name, *self.replaces.get(name, ())))
        return TurnBackError(
            "watching the shift at",
            on=self.meta,
            why=why,
            remedy=look_at,
            parts=parts,
            whole_run=self.how == "run",
        )
