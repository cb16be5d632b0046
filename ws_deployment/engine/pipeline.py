"""The pipeline: configured steps, and the graph of tasks that they make of a fleet.

Each task touches things: a cluster's task its cluster, a meta cluster's task the meta cluster and every cluster that
it governs, a run's task everything. A task comes after the tasks of the last step before it that touched one of its
things. From this one rule follow the order within a cluster, parallel clusters, and the barrier before traffic moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ws_deployment.config.v1 import ConfigV1, PipelineStep, Retries, Timeouts
from ws_deployment.engine import plugins
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.interfaces import IStep, Scope


@dataclass(frozen=True)
class ConfiguredStep:
    """A step as the pipeline has it. `only` are prefixes; empty for all clusters."""

    name: str
    plugin: str
    step: IStep[Any]
    retries: Retries
    timeouts: Timeouts
    only: tuple[str, ...]


def configure(config: ConfigV1) -> tuple[ConfiguredStep, ...]:
    """Load the pipeline's steps. Raises UsageError or pydantic's ValidationError for one that is not as it must be."""
    return tuple(_configured(entry, config) for entry in config.pipeline)


def _configured(entry: PipelineStep, config: ConfigV1) -> ConfiguredStep:
    kind = plugins.step(entry.step)
    return ConfiguredStep(
        name=entry.name or entry.step,
        plugin=entry.step,
        step=kind(kind.parameters_model.model_validate(entry.parameters)),
        retries=entry.retries or config.defaults.retries,
        timeouts=entry.timeouts or config.defaults.timeouts,
        only=entry.only or (),
    )


@dataclass(frozen=True)
class Task:
    """One step on one target. `clusters` are the short names of the clusters that it is about."""

    key: str
    step: str
    scope: Scope
    target: str
    clusters: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Segment:
    """Tasks that follow one another on one target with nothing between them; journaled as one workflow."""

    name: str
    tasks: tuple[Task, ...]
    after: tuple[str, ...]

    @property
    def clusters(self) -> tuple[str, ...]:
        """Short names of the clusters that its tasks are about."""
        return self.tasks[0].clusters

    @property
    def scope(self) -> Scope:
        """Scope of its tasks."""
        return self.tasks[0].scope


def tasks(steps: Sequence[ConfiguredStep], fleet: Fleet) -> tuple[Task, ...]:
    """All tasks of a run, each after those that it depends on."""
    last: dict[str, tuple[str, ...]] = {}
    result: list[Task] = []
    for step in steps:
        made = [
            Task(
                key=f"{target}/{step.name}",
                step=step.name,
                scope=step.step.scope,
                target=target,
                clusters=clusters,
                after=tuple(dict.fromkeys(key for thing in _things(target, clusters) for key in last.get(thing, ()))),
            )
            for target, clusters in _targets(step, fleet)
        ]
        # Tasks of one step can touch the same thing: a cluster that two meta clusters govern.
        touched: dict[str, tuple[str, ...]] = {}
        for task in made:
            for thing in _things(task.target, task.clusters):
                touched[thing] = (*touched.get(thing, ()), task.key)
        last |= touched
        result += made
    return tuple(result)


def segments(all_tasks: Iterable[Task]) -> tuple[Segment, ...]:
    """The tasks grouped into chains."""
    chains: dict[str, list[Task]] = {}
    home: dict[str, str] = {}
    for task in all_tasks:
        before = {home[key] for key in task.after}
        name = next(iter(before)) if len(before) == 1 else ""
        if name and chains[name][-1].target == task.target and chains[name][-1].scope == task.scope:
            chains[name].append(task)
        else:
            name = task.key
            chains[name] = [task]
        home[task.key] = name
    return tuple(
        Segment(name, tuple(chain), tuple(dict.fromkeys(home[key] for key in chain[0].after)))
        for name, chain in chains.items()
    )


def _targets(step: ConfiguredStep, fleet: Fleet) -> Iterable[tuple[str, tuple[str, ...]]]:
    chosen = [c for c in fleet.workspace_clusters if not step.only or c.prefix in step.only]
    if step.step.scope is Scope.CLUSTER:
        return [(cluster.short_name, (cluster.short_name,)) for cluster in chosen]
    if step.step.scope is Scope.RUN:
        return [("run", tuple(cluster.short_name for cluster in chosen))]
    names = {cluster.short_name for cluster in chosen}
    governed: Mapping[str, tuple[str, ...]] = {
        meta.name: tuple(c.short_name for c in fleet.governed_by(meta.name) if c.short_name in names)
        for meta in fleet.meta_clusters
    }
    return [(meta, clusters) for meta, clusters in governed.items() if clusters]


def _things(target: str, clusters: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((target, *clusters)))
