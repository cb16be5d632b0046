"""Rules between the fields of a config: what names what, what is unique, what a cluster type needs.

Rules about the names that clusters will bear stand in the fleet's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass

from ws_deployment.config import regions
from ws_deployment.config.defaults import DEFAULT_TYPE, cluster_with_defaults
from ws_deployment.config.faults import KeyPath, Severity
from ws_deployment.config.suggest import did_you_mean
from ws_deployment.config.v1 import ConfigV1, WorkspaceCluster

_DEFAULTS = ("defaults", "workspaceCluster")
_SINGULAR = {"prefixes": "prefix", "regions": "region"}


@dataclass(frozen=True)
class Finding:
    """A rule that a config breaks: at which path, why, and what to do.

    `depends` are other paths that the judgement rests on: where one of them is faulty itself, it says nothing.
    """

    path: KeyPath
    message: str
    remedy: str
    severity: Severity = "error"
    depends: tuple[KeyPath, ...] = ()


def check_fleet(config: ConfigV1) -> list[Finding]:
    """All rules between fields that `config` breaks, in no particular order."""
    found = [*_unique_names(config), *_pipeline(config), *_waves(config), *_terraform(config)]
    for index, meta in enumerate(config.meta_clusters):
        if meta.type == DEFAULT_TYPE:
            found += _region(("metaClusters", index, "region"), meta.region)
    for index, cluster in enumerate(config.workspace_clusters):
        found += _cluster(config, index, cluster)
    return list(dict.fromkeys(found))  # a fault in the defaults is one fault, not one a cluster


def _unique_names(config: ConfigV1) -> Iterator[Finding]:
    clusters = config.workspace_clusters
    yield from _unique("metaClusters", "name", [meta.name for meta in config.meta_clusters], "Give each its own.")
    yield from _unique("workspaceClusters", "name", [cluster.name for cluster in clusters], "Give each its own.")
    prefixes = [cluster.prefix for cluster in clusters]
    yield from _unique("workspaceClusters", "prefix", prefixes, "Names are made of it: give each cluster its own.")


def _unique(section: str, key: str, values: Iterable[Hashable], remedy: str) -> Iterator[Finding]:
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        if value is None:
            continue
        if value in first:
            message = f"`{value}` is the {key} of `{section}[{first[value]}]` too"
            yield Finding((section, index, key), message, remedy, depends=((section, first[value], key),))
        else:
            first[value] = index


def _pipeline(config: ConfigV1) -> Iterator[Finding]:
    first: dict[str, int] = {}
    prefixes = [cluster.prefix for cluster in config.workspace_clusters]
    for index, step in enumerate(config.pipeline):
        name = step.name or step.step
        if name in first:
            message = f"the tasks of this step would be called `{name}`, as those of `pipeline[{first[name]}]` are"
            yield Finding(("pipeline", index, "name" if step.name else "step"), message, "Give it a `name` of its own.")
        first.setdefault(name, index)
        for place, prefix in enumerate(step.only or ()):
            if prefix not in prefixes:
                yield Finding(
                    ("pipeline", index, "only", place),
                    f"no workspace cluster has the prefix `{prefix}`",
                    did_you_mean(prefix, prefixes, what="prefixes"),
                    depends=(("workspaceClusters",),),
                )


def _waves(config: ConfigV1) -> Iterator[Finding]:
    shared = config.defaults.workspace_cluster.region
    known = {
        "prefixes": [cluster.prefix for cluster in config.workspace_clusters],
        "regions": [region for cluster in config.workspace_clusters if (region := cluster.region or shared)],
    }
    first: dict[tuple[str, str], int] = {}
    rests = [index for index, wave in enumerate(config.waves) if wave.rest]
    for index in rests[1:]:
        message = f"`waves[{rests[0]}]` has all clusters that no wave names already"
        yield Finding(("waves", index), message, "Name the clusters of one of the two by `prefixes` or `regions`.")
    for index, wave in enumerate(config.waves):
        for key, chosen in (("prefixes", wave.prefixes or ()), ("regions", wave.regions or ())):
            for place, name in enumerate(chosen):
                path: KeyPath = ("waves", index, key, place)
                if name not in known[key]:
                    message = f"no workspace cluster has the {_SINGULAR[key]} `{name}`"
                    remedy = did_you_mean(name, sorted(set(known[key])), what=key)
                    yield Finding(path, message, remedy, depends=(("workspaceClusters",), _DEFAULTS))
                elif (key, name) in first:
                    message = f"`{name}` is in `waves[{first[key, name]}]` already"
                    yield Finding(path, message, "A cluster is in one wave: remove it from the other.")
                first.setdefault((key, name), index)


def _terraform(config: ConfigV1) -> Iterator[Finding]:
    for name in config.terraform.variables.keys() & config.terraform.secret_variables.keys():
        message = f"`{name}` is given under `variables` and under `secretVariables`"
        yield Finding(("terraform", "variables", name), message, "Keep the reference under `secretVariables` alone.")


def _cluster(config: ConfigV1, index: int, own: WorkspaceCluster) -> Iterator[Finding]:
    cluster = cluster_with_defaults(own, config.defaults.workspace_cluster)
    here: KeyPath = ("workspaceClusters", index)

    def written(field: str, key: str) -> KeyPath:
        """Where the value that holds for the cluster is written: with itself or in the defaults."""
        inherited = getattr(own, field) is None and getattr(config.defaults.workspace_cluster, field) is not None
        return (*(_DEFAULTS if inherited else here), key)

    if cluster.region is None:
        yield _missing(here, "region", "Give its `region`, here or under `defaults.workspaceCluster`.")
    elif cluster.type == DEFAULT_TYPE:
        yield from _region(written("region", "region"), cluster.region)
    yield from _governed(config, cluster, here, written("governed_by", "governedBy"))
    yield from _type(cluster, here, written)


def _missing(cluster: KeyPath, key: str, remedy: str) -> Finding:
    return Finding((*cluster, key), f"`{key}` is missing", remedy, depends=(_DEFAULTS,))


def _region(path: KeyPath, region: str) -> Iterator[Finding]:
    if not regions.WELL_FORMED.fullmatch(region):
        remedy = regions.remedy(region) or "Write it like `europe-west1`; `gcloud compute regions list` lists them."
        yield Finding(path, f"`{region}` is no Google Cloud region", remedy)
    elif region not in regions.known():
        remedy = regions.remedy(region) or "If it is new, all is well; else see `gcloud compute regions list`."
        yield Finding(path, f"`{region}` is not among the Google Cloud regions known here", remedy, "warning")


def _governed(config: ConfigV1, cluster: WorkspaceCluster, here: KeyPath, path: KeyPath) -> Iterator[Finding]:
    if not cluster.governed_by:
        remedy = "Name the meta cluster that sends users to it, here or under `defaults.workspaceCluster`."
        yield _missing(here, "governedBy", remedy)
        return
    declared = [meta.name for meta in config.meta_clusters]
    if isinstance(cluster.governed_by, str):
        named = [(path, cluster.governed_by)]
    else:
        named = [((*path, place, "meta"), one.meta) for place, one in enumerate(cluster.governed_by)]
    seen: set[str] = set()
    for place, meta in named:
        if meta not in declared:
            message = f"no meta cluster is called `{meta}`"
            remedy = did_you_mean(meta, declared, what="declared under `metaClusters`")
            yield Finding(place, message, remedy, depends=(("metaClusters",),))
        elif meta in seen:
            yield Finding(place, f"`{meta}` is named twice", "Remove one of the two.")
        seen.add(meta)


def _type(cluster: WorkspaceCluster, here: KeyPath, written: Callable[[str, str], KeyPath]) -> Iterator[Finding]:
    if cluster.type == "existing":
        if cluster.create:
            message = "a cluster of type `existing` is not created"
            yield Finding(written("type", "type"), message, "Add `create: false`, and its `name`.")
        if not cluster.kubeconfig and not cluster.context:
            message = "a cluster of type `existing` needs `kubeconfig`, `context` or both"
            yield Finding(written("type", "type"), message, "Tell how it is reached.", depends=(_DEFAULTS,))
    if not cluster.create and cluster.name is None:
        message = "`create: false` needs the `name` under which the cluster exists"
        yield Finding(written("create", "create"), message, "Add its `name`.", depends=((*here, "name"),))
    if cluster.type == "command" and not cluster.command:
        message = "a cluster of type `command` needs the `command` that makes it"
        remedy = "Give the program and its arguments as a list."
        yield Finding(written("type", "type"), message, remedy, depends=(_DEFAULTS,))
