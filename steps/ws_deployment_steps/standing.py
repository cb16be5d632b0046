"""How a cluster that shall go stands at the meta clusters, and what forbids to take it away."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ws_deployment.errors import RefusedError
from ws_deployment.interfaces import IRegistrar, MetaCluster, NotYetError, Registration, StepContext
from ws_deployment.traffic.restore import takes_starts
from ws_deployment_steps.in_use import known_url

_ATTEMPTED = "retiring"


@dataclass(frozen=True)
class Standing:
    """One meta cluster: the cluster's registration there, None where it has none, and all others."""

    meta: str
    registrar: IRegistrar
    there: Registration | None
    others: tuple[Registration, ...]


def standings(context: StepContext, registrar: Callable[[MetaCluster], IRegistrar]) -> tuple[Standing, ...]:
    """How the context's cluster stands at all meta clusters of the config.

    One that does not govern it, and whose bridge the config doesn't know, can't have it from us. Raises NotYetError
    for the others, RefusedError where another cluster bears its name, and what a registrar raises.
    """
    governing = {governance.meta for governance in context.cluster.governed_by}
    url = known_url(context)
    found = []
    for meta in context.metas:
        at = registrar(meta)
        try:
            listed = at.registrations()
        except NotYetError:
            if meta.name in governing:
                raise
            continue
        there = _its(context, meta.name, listed, url, governed=meta.name in governing)
        found.append(Standing(meta.name, at, there, tuple(each for each in listed if each is not there)))
    return tuple(found)


def refuse_forbidden(context: StepContext, found: Sequence[Standing], was_at: Collection[str] = ()) -> None:
    """Refuse what takes starts, what is static, and what is the last that a meta cluster could send anybody to.

    `was_at` are the meta clusters where it was registered before its retirement began.
    """
    name = context.cluster.short_name
    for at in found:
        on = f"{name} at {at.meta}"
        if at.there and at.there.static:
            why = "it is static: it stands in the meta cluster's own configuration"
            raise RefusedError(_ATTEMPTED, on=on, why=why, remedy="Remove it there; no run touches it.")
        if (at.there or at.meta in was_at) and not takes_starts(at.others):
            raise RefusedError(
                _ATTEMPTED,
                on=on,
                why=f"it is the last one that {at.meta} has: no other cluster takes starts there",
                remedy="Roll out another one first, or make one available.",
            )
        if at.there and at.there.effective:
            raise RefusedError(
                _ATTEMPTED,
                on=on,
                why=f"it takes starts there (score {at.there.score})",
                remedy="Move its traffic away first: a run's traffic-shift does so, and cordons what it replaces.",
            )


def _its(
    context: StepContext, meta: str, listed: Sequence[Registration], url: str | None, *, governed: bool
) -> Registration | None:
    """Its registration: by its URL, and where the meta cluster governs it by its name too."""
    name = context.cluster.short_name
    for each in listed:
        if url and each.url == url:
            return each
        if governed and each.name == name:
            if url and each.url:
                raise RefusedError(
                    _ATTEMPTED,
                    on=f"{name} at {meta}",
                    why=f"that name is registered with {each.url}, and the cluster is at {url}",
                    remedy="Another cluster bears its name there; look which.",
                )
            return each
    return None
