"""What `doctor` looks at of a meta cluster: its traffic, the rights for its lock, its Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ws_deployment.engine import backends, plugins
from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.meta_access import has_api, meta_api, router
from ws_deployment.engine.pipeline import Task
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.clusters import Fleet, MetaCluster
from ws_deployment.interfaces import Finding, NotYetError, Scope
from ws_deployment.interfaces.prometheus_access import prometheus_client

#: What a run does with the objects that it keeps at a meta cluster: (verb, API group, resource).
_NEEDED = tuple(
    (verb, group, resource)
    for group, resource in (("", "configmaps"), ("coordination.k8s.io", "leases"))
    for verb in ("get", "create", "update")
)


def diagnose_meta(meta: MetaCluster, fleet: Fleet, surroundings: RunSurroundings) -> Iterator[Finding]:
    """All findings, as they are made. Reads only."""
    via = backends.router(surroundings.config).via
    yield _finding(f"{via} of {meta.name}", lambda: _traffic(meta, fleet, surroundings))
    if has_api(meta):
        yield _finding(f"lock at {meta.name}", lambda: _rights(meta, surroundings))
    context = TaskContext(surroundings, fleet, Task(f"{meta.name}/doctor", "doctor", Scope.META, meta.name, (), ()), {})
    yield _finding(f"Prometheus of {meta.name}", lambda: _prometheus(meta, context))


def _finding(subject: str, look: Callable[[], Finding | str]) -> Finding:
    try:
        found = look()
    except NotYetError as error:
        return Finding(subject, "warning", error.why, error.remedy)
    except WsDeploymentError as error:
        return Finding(subject, "fault", error.why, error.remedy)
    return Finding(subject, "ok", found) if isinstance(found, str) else found


def _traffic(meta: MetaCluster, fleet: Fleet, surroundings: RunSurroundings) -> str:
    started = time.monotonic()
    registrations = router(fleet, meta, surroundings).registrations()
    return f"lists {len(registrations)} clusters in {1000 * (time.monotonic() - started):.0f} ms"


def _rights(meta: MetaCluster, surroundings: RunSurroundings) -> Finding | str:
    api = meta_api(meta, surroundings)
    assert api  # noqa: S101  asked before
    missing = [
        f"{verb} {resource}"
        for verb, group, resource in _NEEDED
        if not api.kube.may(verb, group, resource, api.namespace)
    ]
    if missing:
        return Finding(
            f"lock at {meta.name}",
            "fault",
            f"no right in namespace {api.namespace} to: {', '.join(missing)}",
            "Grant them: a run keeps its lock and the weights before it there (docs/status-and-traffic.md).",
        )
    return f"may be kept in namespace {api.namespace}"


def _prometheus(meta: MetaCluster, context: TaskContext) -> Finding | str:
    told = plugins.cluster_type(meta.type)().prometheus(meta)
    if told is None:
        return "none is configured; only gates and the measured share of starts ask it"
    started = time.monotonic()
    with prometheus_client(context, told) as client:
        series = client.query("count(up)")
    text = f"{told.url} answers in {1000 * (time.monotonic() - started):.0f} ms"
    if not series:
        subject = f"Prometheus of {meta.name}"
        return Finding(subject, "warning", f"{text}, and scrapes nothing", "Look at its targets.")
    return f"{text}, {series[0].value:g} targets"
