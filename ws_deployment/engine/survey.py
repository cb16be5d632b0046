"""What there is: each registered cluster with what is behind it, and what was made but is registered nowhere.

Asked of meta clusters, cluster types and clusters. A state store adds which runs are alive; it works without.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import plugins
from ws_deployment.engine.behind import Behind, examine, exists
from ws_deployment.engine.context import RunSurroundings
from ws_deployment.engine.deployment import ANY_ID
from ws_deployment.engine.meta_access import router
from ws_deployment.engine.state import State
from ws_deployment.engine.traffic_view import MetaTraffic, view
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.clusters import Fleet, MetaCluster, WorkspaceCluster
from ws_deployment.fleet.marks import RUN
from ws_deployment.fleet.names import IDS
from ws_deployment.fleet.resolve import resolve
from ws_deployment.interfaces import Registration

#: Clusters that are asked at once.
_AT_ONCE = 16


@dataclass(frozen=True)
class Row:
    """A registration. `behind` is None for one that the config knows nothing of. `orphan` says why it is one."""

    meta: str
    registration: Registration
    share: float
    behind: Behind | None
    orphan: str = ""


@dataclass(frozen=True)
class Survey:
    """All of it. `unregistered` are clusters of the fleet that no meta cluster knows, each with why it is an orphan.

    `unknown` says what could not be asked, beside what stands with each row.
    """

    fleet: str
    traffic: tuple[MetaTraffic, ...]
    rows: tuple[Row, ...]
    unregistered: tuple[tuple[Behind, str], ...]
    unknown: tuple[str, ...]


def survey(config: ConfigV1, run: RunSurroundings, state: State) -> Survey:
    """Look at everything. What can't be asked is told, never raised."""
    fleet = resolve(config, ANY_ID)
    traffic = tuple(view(fleet, run))
    unknown: list[str] = []
    live = _live_runs(traffic, state, fleet, unknown)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        rows = [
            (each, registration, pool.submit(_behind, config, registration.name, run, examine))
            for each in traffic
            for registration in each.registrations
        ]
        registered = {registration.name for _, registration, _ in rows}
        unasked = {each.meta for each in traffic if each.problem}
        loose = [
            pool.submit(examine, resolve(config, cluster_id), cluster, run)
            for cluster_id, cluster in _made(config, fleet, run, unknown)
            if cluster.short_name not in registered and not unasked & {one.meta for one in cluster.governed_by}
        ]
        return Survey(
            fleet.name,
            traffic,
            tuple(_row(each, registration, behind.result()) for each, registration, behind in rows),
            tuple(found for each in loose if (found := _loose(each.result(), fleet.name, live))),
            tuple(dict.fromkeys(unknown)),
        )


def gone_clusters(fleet: Fleet, meta: MetaCluster, run: RunSurroundings) -> Collection[str]:
    """The clusters registered at `meta` that are known not to exist any more."""
    names = [registration.name for registration in router(fleet, meta, run).registrations()]
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        found = pool.map(partial(_behind, run.config, run=run, look=exists), names)
        return {each.short_name for each in found if each and each.there is False}


def cluster_of(config: ConfigV1, name: str) -> tuple[int, WorkspaceCluster] | None:
    """Which cluster of the config a registration's name stands for, with the id that its fleet has then."""
    named = re.fullmatch(r"(.*?)([1-9]\d{0,2})", name)
    candidates = [int(named[2])] if named and int(named[2]) in IDS else []
    for cluster_id in (*candidates, ANY_ID):
        for cluster in resolve(config, cluster_id).workspace_clusters:
            if cluster.short_name == name and (cluster.create is False or cluster_id in candidates):
                return cluster_id, cluster
    return None


def _behind(
    config: ConfigV1,
    name: str,
    run: RunSurroundings,
    look: Callable[[Fleet, WorkspaceCluster, RunSurroundings], Behind],
) -> Behind | None:
    known = cluster_of(config, name)
    return look(resolve(config, known[0]), known[1], run) if known else None


def _row(traffic: MetaTraffic, registration: Registration, behind: Behind | None) -> Row:
    orphan = ""
    if behind and behind.there is False and not registration.static:
        orphan = f"no cluster is behind this registration: {behind.problem}"
    elif behind and behind.url and registration.url and behind.url != registration.url:
        orphan = f"its cluster is at {behind.url}, not at the registered {registration.url}"
    return Row(traffic.meta, registration, traffic.shares[registration.name], behind, orphan)


def _made(
    config: ConfigV1, fleet: Fleet, run: RunSurroundings, unknown: list[str]
) -> Iterator[tuple[int, WorkspaceCluster]]:
    """Clusters with a name of ours that exist as far as their types know, or have a folder on this machine."""
    there = _folders(run.state / "fleets" / fleet.name)
    for name in sorted({cluster.type for cluster in fleet.workspace_clusters if cluster.create}):
        try:
            there |= plugins.cluster_type(name)().taken_names(fleet)
        except WsDeploymentError as error:
            unknown.append(f"which clusters of type {name} exist: {error.why}")
    numbers = {int(number) for name in there for number in re.findall(r"\d{1,3}", name)}
    for cluster_id in sorted(numbers & set(IDS)):
        for cluster in resolve(config, cluster_id).workspace_clusters:
            # A name that the config gives is not of any one id.
            own_id = not any(own.name == cluster.name for own in config.workspace_clusters)
            if cluster.create and cluster.name in there and own_id:
                yield cluster_id, cluster


def _folders(folder: Path) -> set[str]:
    with contextlib.suppress(OSError):
        return {path.parent.parent.name for path in folder.glob("*/terraform/owner.json")}
    return set()


def _loose(behind: Behind, fleet: str, live: Collection[str]) -> tuple[Behind, str] | None:
    """A cluster that is registered nowhere, with why it is an orphan, or empty while its run is at work."""
    if behind.there is False or (behind.fleet and behind.fleet != fleet):
        return None
    if not behind.fleet:
        return behind, "it bears a name of this fleet, no mark of it, and is registered nowhere"
    if behind.run in live:
        return behind, ""
    return behind, f"made by run {behind.run}, which is not at work, and registered nowhere"


def _live_runs(traffic: Sequence[MetaTraffic], state: State, fleet: Fleet, unknown: list[str]) -> frozenset[str]:
    """Runs that may still be at work: those that hold a lock, and those that the state store calls alive."""
    live = {each.holder.labels.get(RUN, "") for each in traffic if each.holder}
    if not state.exists:
        return frozenset(live)
    try:
        from ws_deployment.engine.store import opened  # noqa: PLC0415  SQLAlchemy is heavy

        with opened(state) as store:
            live |= {run.id for run in store.unfinished(fleet.name) if run.live}
    except WsDeploymentError as error:
        unknown.append(f"which runs are at work: {error.why}")
    return frozenset(live)
