"""Who judges a shift: its gates, the count of starts, and whether the new clusters answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ws_deployment.config.v1 import BridgeApi
from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.fleet.names import metrics_label
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
from ws_deployment_steps.gate_watch import GateWatch
from ws_deployment_steps.prometheus_access import prometheus_client
from ws_deployment_steps.pulse import Pulse
from ws_deployment_steps.shift_judging import JudgingParameters
from ws_deployment_steps.shift_plan import bounds_of, percents
from ws_deployment_steps.shift_watch import Watched, watch
from ws_deployment_steps.starts_asked import StartsAsked
from ws_deployment_steps.starts_counted import StartsCounted

if TYPE_CHECKING:
    from ws_deployment.clients.prometheus import PrometheusClient

#: Seconds that the API of a new cluster has to answer.
_PULSE_TIMEOUT = 3.0


def watched(context: StepContext, router: ITrafficRouter, wanted: JudgingParameters, subtask: SubTask) -> Outputs:
    """Watch a stage until it may be passed. Raises TurnBackError where it has to go back."""
    data = subtask.data
    new = [name for name in shift_group.new(context) if name not in context.left_out]
    old = [name for name in data["scores"] if name not in new and name not in context.left_out]
    bounds = bounds_of(data)
    split = shares([each for each in router.registrations() if not each.limited])
    with _asked(context, wanted) as client:
        gates = None
        if wanted.gates and client:
            gates = _gate_watch(context, wanted, client, new, old)
            if known := context.earlier.get("gates"):
                gates.from_json(known)
            gates.begin_stage(bounds.percent)
        return watch(
            context,
            Watched(
                bounds=bounds,
                shares=split,
                # What a canary takes depends on who comes: there is no share that it should have.
                wanted=split if bounds.canary else percents(data["scores"], context.left_out),
                before=percents(data["former"], context.left_out),
                gates=gates,
                starts=None if bounds.canary else _starts(context, router, wanted, client, [*new, *old]),
                pulse=Pulse(_pulses(context), wanted.lost_after),
                must_measure=wanted.measured == "required" and not bounds.canary,
                turn_back=back(context, router, wanted, subtask),
            ),
        )


def back(
    context: StepContext, router: ITrafficRouter, wanted: JudgingParameters, subtask: SubTask
) -> Callable[[Sequence[str], str, str], TurnBackError]:
    """Makes the error that turns back: of clusters (short names; none for all), the reason, what to look at."""
    return _Back(context.meta.name, wanted.turn_back, subtask.data["replaces"], exact=router.exact)


def check(context: StepContext, router: ITrafficRouter, wanted: JudgingParameters) -> Verdict:
    """Whether the gates can be asked before any traffic moves; what they ask has to be there for the old clusters."""
    new, old = shift_group.new(context), shift_group.old(context, router.registrations())
    try:
        with _asked(context, wanted) as client:
            if client is None and (wanted.gates or (wanted.measured == "required" and router.starts() is None)):
                return context.missing(
                    f"gates ask Prometheus, and none is known of {context.meta.name}",
                    f"Add `prometheus: {{url: …}}` to the meta cluster {context.meta.name}.",
                )
            if client and wanted.gates:
                return _gate_watch(context, wanted, client, new, old).check()
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
            told = _gate_watch(context, wanted, client, shift_group.new(context), old).foresee(percent)
    except WsDeploymentError:
        return ()
    return tuple(f"{percent:g} %: gate {gate}: {text}" for gate, text in told.items())


def _gate_watch(
    context: StepContext,
    wanted: JudgingParameters,
    client: PrometheusClient,
    new: Sequence[str],
    old: Sequence[str],
) -> GateWatch:
    labels = _labels(context, wanted)
    return GateWatch(wanted.gates or (), client, new=labels(new), old=labels(old), api=_api(context))


@contextmanager
def _asked(context: StepContext, wanted: JudgingParameters) -> Iterator[PrometheusClient | None]:
    """A client of the meta cluster's Prometheus while the context lasts; None where there is none."""
    if not wanted.gates and wanted.measured == "off":
        yield None
        return
    meta = context.meta
    told = context.cluster_type(meta.type).prometheus(meta)
    if told is None:
        yield None
        return
    with prometheus_client(context, told) as client:
        yield client


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
    asked = StartsAsked(client, _labels(context, wanted)(names), _api(context))
    return StartsCounted(asked.look, wanted.settle)


def _pulses(context: StepContext) -> dict[str, Callable[[], object]]:
    from ws_deployment.clients.kube import Kube  # noqa: PLC0415  heavy

    asks: dict[str, Callable[[], object]] = {}
    for cluster in shift_group.clusters(context):
        if cluster.short_name not in context.left_out:
            kubeconfig = context.with_cluster(cluster).kubeconfig()
            asks[cluster.short_name] = Kube(kubeconfig, cluster.context, timeout=_PULSE_TIMEOUT).version
    return asks


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


def _labels(context: StepContext, wanted: JudgingParameters) -> Callable[[Sequence[str]], dict[str, str]]:
    """Makes of short names what the label `cluster` of their metrics is."""

    def labels(names: Sequence[str]) -> dict[str, str]:
        if template := wanted.cluster_label:
            return {name: template.replace("{name}", name) for name in names}
        return {name: metrics_label(context.fleet.environment, name) for name in names}

    return labels


def _api(context: StepContext) -> BridgeApi:
    try:
        return context.bridge(context.meta).api
    except WsDeploymentError:  # without a bridge the metrics are today's, unless a gate says otherwise
        return "2026"
