"""Who can judge clusters at a meta cluster: gates that ask its Prometheus, and whether the clusters answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ws_deployment.config.v1 import BridgeApi
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.names import metrics_label
from ws_deployment.interfaces import StepContext, WorkspaceCluster
from ws_deployment.interfaces.prometheus_access import prometheus_client
from ws_deployment_steps.gate_watch import GateWatch
from ws_deployment_steps.shift_judging import GateParameters

if TYPE_CHECKING:
    from ws_deployment.clients.prometheus import PrometheusClient

#: Seconds that the API of a new cluster has to answer.
_PULSE_TIMEOUT = 3.0


@contextmanager
def prometheus(context: StepContext) -> Iterator[PrometheusClient | None]:
    """A client of the meta cluster's Prometheus while the context lasts; None where there is none."""
    meta = context.meta
    told = context.cluster_type(meta.type).prometheus(meta)
    if told is None:
        yield None
        return
    with prometheus_client(context, told) as client:
        yield client


def gate_watch(
    context: StepContext,
    wanted: GateParameters,
    client: PrometheusClient,
    new: Sequence[str],
    old: Sequence[str],
) -> GateWatch:
    """The watch over the gates that are `wanted`, of clusters by short name."""
    named = labels(context, wanted)
    return GateWatch(wanted.gates or (), client, new=named(new), old=named(old), api=api(context))


def pulses(context: StepContext, clusters: Iterable[WorkspaceCluster]) -> dict[str, Callable[[], object]]:
    """What each cluster is asked to know whether it answers, by short name."""
    from ws_deployment.clients.kube import Kube  # noqa: PLC0415  heavy

    asks: dict[str, Callable[[], object]] = {}
    for cluster in clusters:
        kubeconfig = context.with_cluster(cluster).kubeconfig()
        asks[cluster.short_name] = Kube(kubeconfig, cluster.context, timeout=_PULSE_TIMEOUT).version
    return asks


def labels(context: StepContext, wanted: GateParameters) -> Callable[[Sequence[str]], dict[str, str]]:
    """Makes of short names what the label `cluster` of their metrics is."""

    def named(names: Sequence[str]) -> dict[str, str]:
        if template := wanted.cluster_label:
            return {name: template.replace("{name}", name) for name in names}
        return {name: metrics_label(context.fleet.environment, name) for name in names}

    return named


def api(context: StepContext) -> BridgeApi:
    """The generation of the metrics, which is that of the bridge."""
    try:
        return context.bridge(context.meta).api
    except WsDeploymentError:  # without a bridge the metrics are today's, unless a gate says otherwise
        return "2026"
