"""Who takes starts now, and who did before the last runs: asked of the meta clusters themselves, no journal needed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine.context import RunSurroundings
from ws_deployment.engine.deployment import ANY_ID
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.meta_access import meta_api, router
from ws_deployment.engine.meta_lock import holder
from ws_deployment.engine.meta_memory import Remembered, recall
from ws_deployment.errors import UsageError, WsDeploymentError
from ws_deployment.fleet.clusters import Fleet, MetaCluster
from ws_deployment.fleet.resolve import resolve
from ws_deployment.interfaces import Registration
from ws_deployment.traffic.ramp import shares

if TYPE_CHECKING:
    from ws_deployment.clients.kube_lease import Holder


@dataclass(frozen=True)
class MetaTraffic:
    """One meta cluster's traffic. `problem` says why it could not be asked.

    `recorded` is what was before the last runs, the newest first; `unrecorded` why nothing is known of it. `holder`
    has the lock, alive or not.
    """

    meta: str
    registrations: tuple[Registration, ...] = ()
    problem: str = ""
    recorded: tuple[Remembered, ...] = ()
    unrecorded: str = ""
    holder: Holder | None = None

    @property
    def shares(self) -> dict[str, float]:
        """Percent of starts by short name, of users whom no cluster turns away."""
        none = dict.fromkeys((each.name for each in self.registrations), 0.0)
        return none | shares([each for each in self.registrations if not each.limited])


def onlooker(config: ConfigV1, config_file: Path, state: Path, *, name: str, dry_run: bool = True) -> RunSurroundings:
    """Surroundings for what is asked or written outside a run; `name` stands where a run's id would."""
    folder = config_file.resolve().parent
    return RunSurroundings(name, dry_run=dry_run, config=config, config_folder=folder, state=state, bus=EventBus(name))


def whole_fleet(config: ConfigV1, meta: str | None = None) -> Fleet:
    """The fleet, with one meta cluster alone where it is named. Raises UsageError for one that is not there."""
    fleet = resolve(config, ANY_ID)
    chosen = tuple(each for each in fleet.meta_clusters if meta in {None, each.name})
    if not chosen:
        names = ", ".join(each.name for each in fleet.meta_clusters)
        raise UsageError("looking for the meta cluster", on=meta or "", why="there is none", remedy=f"Known: {names}.")
    return replace(fleet, meta_clusters=chosen)


def view(fleet: Fleet, run: RunSurroundings) -> Sequence[MetaTraffic]:
    """The traffic of all meta clusters of `fleet`, asked at once. What can't be asked is told, never raised."""
    with ThreadPoolExecutor(max_workers=min(len(fleet.meta_clusters), 16)) as pool:
        return tuple(pool.map(lambda meta: _look(fleet, meta, run), fleet.meta_clusters))


def _look(fleet: Fleet, meta: MetaCluster, run: RunSurroundings) -> MetaTraffic:
    found = MetaTraffic(meta.name)
    try:
        found = replace(found, registrations=tuple(router(fleet, meta, run).registrations()))
    except WsDeploymentError as error:
        found = replace(found, problem=_told(error))
    try:
        api = meta_api(meta, run)
        if api is None:
            return replace(found, unrecorded="its Kubernetes API is not configured")
        found = replace(found, holder=holder(api), recorded=recall(api, fleet.name))
    except WsDeploymentError as error:
        return replace(found, unrecorded=_told(error))
    return found if found.recorded else replace(found, unrecorded="no run has written to it")


def _told(error: WsDeploymentError) -> str:
    what = f"{error.attempted} {error.on}".strip()
    return ". ".join(filter(None, (f"{what}: {error.why}".rstrip("."), error.remedy)))
