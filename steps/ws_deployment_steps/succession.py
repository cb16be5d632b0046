"""Which clusters of a run take traffic at a meta cluster, and which old ones they take over from."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.interfaces import Registration, StepContext, WorkspaceCluster


def clusters(context: StepContext) -> tuple[WorkspaceCluster, ...]:
    """The run's clusters that shall take traffic of this meta cluster."""
    meta = context.meta.name
    return tuple(c for c in context.fleet.governed_by(meta) if not c.governance(meta).cordoned)


def new(context: StepContext) -> tuple[str, ...]:
    """Their short names."""
    return tuple(cluster.short_name for cluster in clusters(context))


def old(context: StepContext, registrations: Sequence[Registration]) -> tuple[str, ...]:
    """What the run's clusters take over from: named by `replaces`, else available ones of the same prefix.

    Static clusters and those of this run are never old.
    """
    mine = set(new(context))
    found: dict[str, None] = {}
    for cluster in clusters(context):
        for registration in registrations:
            if registration.static or registration.name in mine:
                continue
            if cluster.replaces is not None:
                is_old = registration.name in cluster.replaces
            else:
                is_old = registration.available and _prefix(registration.name) == cluster.prefix
            if is_old:
                found[registration.name] = None
    return tuple(found)


def _prefix(name: str) -> str:
    return name.rstrip("0123456789")
