"""The pipeline: configured steps, and the graph of tasks that they make of a fleet.

Each task touches things: a cluster's task its cluster, a meta cluster's task the meta cluster and every cluster that
it governs, a run's task everything. A task comes after the tasks of the last step before it that touched one of its
things. From this one rule follow the order within a cluster, parallel clusters, and the barrier before traffic moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ws_deployment.config.v1 import ConfigV1, PipelineStep, Retries, Timeouts
from ws_deployment.config.waves import Wave
from ws_deployment.engine import plugins
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.fleet.waves import members
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
    #: The wave that it comes after, from 1; 0 for a step of the pipeline.
    after_wave: int = 0


def configure(config: ConfigV1) -> tuple[ConfiguredStep, ...]:
    """Load the pipeline's steps, and what comes between waves.

    Raises UsageError or pydantic's ValidationError for one that is not as it must be.
    """
    steps = (_configured(entry, config) for entry in config.pipeline)
    return (*steps, *(_between(number, wave, config) for number, wave in enumerate(config.waves, 1)))


def _between(number: int, wave: Wave, config: ConfigV1) -> ConfiguredStep:
    question = f"Shall the wave after wave {number} begin?" if wave.approve is True else wave.approve or ""
    entry = PipelineStep(step="soak", parameters={"time": wave.soak, "question": question})
    return replace(_configured(entry, config), name=f"after-wave-{number}", after_wave=number)


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
    #: The wave that it is a part of, from 1; 0 where there are none.
    wave: int = 0


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

    @property
    def wave(self) -> int:
        """The wave that it is a part of, from 1; 0 where there are none."""
        return self.tasks[0].wave


def tasks(steps: Sequence[ConfiguredStep], fleet: Fleet, waves: Sequence[Wave] = ()) -> tuple[Task, ...]:
    """All tasks of a run, each after those that it depends on."""
    if not waves:
        return tuple(_graph((step, fleet, 0) for step in steps))
    everything = [step for step in steps if not step.after_wave]
    between = {step.after_wave: step for step in steps if step.after_wave}
    parts = members(waves, fleet)
    stages: list[tuple[ConfiguredStep, Fleet, int]] = []
    left = fleet.workspace_clusters
    for number, (wave, names) in enumerate(parts, 1):
        part = replace(fleet, workspace_clusters=tuple(c for c in left if c.short_name in names))
        stages += [(step, part, number) for step in everything]
        if number < len(parts):  # what comes between is about all clusters: a failed wave blocks those after it
            stages.append((between[list(waves).index(wave) + 1], fleet, number))
    return tuple(_graph(stages))


def _graph(stages: Iterable[tuple[ConfiguredStep, Fleet, int]]) -> list[Task]:
    last: dict[str, tuple[str, ...]] = {}
    result: dict[str, Task] = {}
    for step, fleet, wave in stages:
        made = [
            Task(
                key=_key(target, step.name, wave, result),
                step=step.name,
                scope=step.step.scope,
                target=target,
                clusters=clusters,
                after=tuple(dict.fromkeys(key for thing in _things(target, clusters) for key in last.get(thing, ()))),
                wave=wave,
            )
            for target, clusters in _targets(step, fleet)
        ]
        # Tasks of one step can touch the same thing: a cluster that two meta clusters govern.
        touched: dict[str, tuple[str, ...]] = {}
        for task in made:
            for thing in _things(task.target, task.clusters):
                touched[thing] = (*touched.get(thing, ()), task.key)
        last |= touched
        result |= {task.key: task for task in made}
    return list(result.values())


def segments(all_tasks: Iterable[Task]) -> tuple[Segment, ...]:
    """The tasks grouped into chains."""
    chains: dict[str, list[Task]] = {}
    home: dict[str, str] = {}
    for task in all_tasks:
        before = {home[key] for key in task.after}
        name = next(iter(before)) if len(before) == 1 else ""
        if name and _goes_on(chains[name][-1], task):
            chains[name].append(task)
        else:
            name = task.key
            chains[name] = [task]
        home[task.key] = name
    return tuple(
        Segment(name, tuple(chain), tuple(dict.fromkeys(home[key] for key in chain[0].after)))
        for name, chain in chains.items()
    )


def _key(target: str, step: str, wave: int, taken: Mapping[str, Task]) -> str:
    """A task's key. What is about more than a cluster can come in several waves, and has its number from the second."""
    key = f"{target}/{step}"
    return f"{key}-{wave}" if key in taken else key


def _goes_on(chain: Task, task: Task) -> bool:
    return (chain.target, chain.scope, chain.wave) == (task.target, task.scope, task.wave)


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
