"""Which clusters a traffic shift is about: the run's new ones, and the old ones that they take over from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ws_deployment.interfaces import Registration, StepContext, WorkspaceCluster
from ws_deployment.traffic.levels import DEFAULT_SCORE, HIGHEST_SCORE

#: What a bridge makes of the hint that a cluster is registered with.
_HINTED = {"none": DEFAULT_SCORE, "prefer": HIGHEST_SCORE, "dontschedule": 0}


def clusters(context: StepContext) -> tuple[WorkspaceCluster, ...]:
    """The run's clusters that shall take traffic of this meta cluster."""
    meta = context.meta.name
    return tuple(c for c in context.fleet.governed_by(meta) if not c.governance(meta).cordoned)


def new(context: StepContext) -> tuple[str, ...]:
    """Their short names."""
    return tuple(cluster.short_name for cluster in clusters(context))


def old(context: StepContext, registrations: Sequence[Registration]) -> tuple[str, ...]:
    """What the run's clusters take over from, by short name."""
    replaced = (replaces(context, cluster, registrations) for cluster in clusters(context))
    return tuple(dict.fromkeys(name for names in replaced for name in names))


def still_old(registrations: Sequence[Registration], before: Mapping[str, Registration]) -> list[Registration]:
    """The registrations, but available where they were so `before`: an earlier attempt may have cordoned old ones."""
    return [
        replace(each, available=each.available or known.available) if (known := same(each, before)) else each
        for each in registrations
    ]


def same(each: Registration, before: Mapping[str, Registration]) -> Registration | None:
    """What a cluster was before; None where it was not there, or is another one of that name."""
    known = before.get(each.name)
    return known if known and (not known.url or not each.url or known.url == each.url) else None


def replaces(context: StepContext, cluster: WorkspaceCluster, registrations: Sequence[Registration]) -> tuple[str, ...]:
    """What one of them takes over from: named by `replaces`, else available ones of the same prefix.

    Static clusters and those of this run are never old.
    """
    others = [each for each in registrations if not each.static and each.name not in new(context)]
    if cluster.replaces is not None:
        return tuple(each.name for each in others if each.name in cluster.replaces)
    return tuple(each.name for each in others if each.available and prefix(each.name) == cluster.prefix)


def foreseen(context: StepContext, registrations: Sequence[Registration]) -> tuple[Registration, ...]:
    """The run's clusters that are not registered yet, as the bridge will have them: cordoned, scored by their hint."""
    there = {registration.name for registration in registrations}
    return tuple(
        Registration(cluster.short_name, _HINTED[cluster.governance(context.meta.name).preferability], available=False)
        for cluster in clusters(context)
        if cluster.short_name not in there
    )


def prefix(name: str) -> str:
    """A short name without its id."""
    return name.rstrip("0123456789")
