"""Which clusters a retirement is about, which it leaves alone, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ws_deployment.errors import RefusedError
from ws_deployment.fleet.siblings import sibling
from ws_deployment.interfaces import StepContext, WorkspaceCluster
from ws_deployment_steps.ownership import maker


@dataclass(frozen=True)
class Retiree:
    """A cluster that shall go, and the run that made it."""

    cluster: WorkspaceCluster
    made_by: str

    def seen_from(self, context: StepContext) -> StepContext:
        """The meta cluster's `context`, but about this cluster, as the run sees it that made it."""
        return context.with_cluster(self.cluster, made_by=self.made_by)


@dataclass(frozen=True)
class Choice:
    """Those that shall go, in order, and those that are left alone, each with the reason."""

    retirees: tuple[Retiree, ...]
    kept: Mapping[str, str]

    @property
    def names(self) -> str:
        """Short names of those that shall go."""
        return ", ".join(retiree.cluster.short_name for retiree in self.retirees)

    @property
    def kept_words(self) -> str:
        """What is left alone and why; empty where nothing is."""
        return "; ".join(f"{name} stays: {why}" for name, why in self.kept.items())


def choose(context: StepContext, names: Iterable[str], *, named: bool) -> Choice:
    """Of the clusters `names` those that this meta cluster's task retires.

    One that several meta clusters govern is the matter of the first of them that it takes starts from. What no run of
    this fleet made is left alone; where a person has `named` it, RefusedError is raised.
    """
    retirees, kept = [], {}
    for name in names:
        try:
            cluster = made_by_config(context, name)
            if (home := _home(cluster)) != context.meta.name:
                kept[name] = f"it is retired with those of {home}"
                continue
            retirees.append(Retiree(cluster, maker(context.with_cluster(cluster))))
        except RefusedError as error:
            if named:
                raise
            kept[name] = error.why
    return Choice(tuple(retirees), kept)


def _home(cluster: WorkspaceCluster) -> str:
    metas = [governance.meta for governance in cluster.governed_by if not governance.cordoned]
    return metas[0] if metas else cluster.governed_by[0].meta


def made_by_config(context: StepContext, name: str) -> WorkspaceCluster:
    """The cluster of that short name that an entry of the config makes. Raises RefusedError where none does."""
    if cluster := sibling(context.fleet, name):
        return cluster
    raise RefusedError(
        "retiring",
        on=name,
        why="no entry of this config makes a cluster of that name",
        remedy="Retire it with the config of its own fleet.",
    )
