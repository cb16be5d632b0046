"""Writes recorded weights back at meta clusters: by the marks that are kept there, or by a file. Needs no journal."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ws_deployment.engine.context import RunSurroundings
from ws_deployment.engine.meta_access import meta_api, router
from ws_deployment.engine.meta_lock import acquire
from ws_deployment.engine.meta_memory import Remembered, Weight, recall
from ws_deployment.engine.weights_back import WayBack, way_back
from ws_deployment.errors import LockedError, RefusedError, UsageError, WsDeploymentError
from ws_deployment.fleet.clusters import Fleet, MetaCluster
from ws_deployment.fleet.folders import cluster_folder
from ws_deployment.interfaces import Stage
from ws_deployment.tools.folders import private_folder

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Source:
    """Weights to go back to at one meta cluster; `text` says where they are from."""

    text: str
    weights: tuple[Weight, ...]
    made: tuple[str, ...] = ()


@dataclass(frozen=True)
class Restoration:
    """What is to be done at one meta cluster."""

    meta: MetaCluster
    source: Source
    way: WayBack


def sources(fleet: Fleet, run: RunSurroundings, *, run_id: str | None = None) -> Mapping[str, Source]:
    """What the meta clusters keep of the weights before `run_id`, or before the last run. Raises UsageError."""
    return {meta.name: _kept(fleet, meta, run, run_id) for meta in fleet.meta_clusters}


def sources_of_file(path: Path, fleet: Fleet) -> Mapping[str, Source]:
    """The weights in a file that `traffic show --json` has written. Raises UsageError."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        found = {
            each["name"]: Source(str(path), tuple(map(Weight.from_json, each["registrations"])))
            for each in told["metaClusters"]
            if not each.get("problem")
        }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "reading the weights in",
            on=str(path),
            why=f"it is no output of `traffic show --json`: {error}",
            remedy="Save one: ws-deployment traffic show -c FILE --json > weights.json",
        ) from error
    wanted = {meta.name: found[meta.name] for meta in fleet.meta_clusters if meta.name in found}
    if not wanted:
        why = f"it tells of {', '.join(sorted(found)) or 'no meta cluster'}"
        names = ", ".join(meta.name for meta in fleet.meta_clusters)
        raise UsageError("reading the weights in", on=str(path), why=why, remedy=f"Wanted are {names}.")
    return wanted


def restorations(
    fleet: Fleet, found: Mapping[str, Source], run: RunSurroundings, gone: Callable[[MetaCluster], Collection[str]]
) -> Sequence[Restoration]:
    """What would be written. `gone` tells the registered clusters of a meta cluster that are known not to exist."""
    made = []
    for meta in fleet.meta_clusters:
        if source := found.get(meta.name):
            now = router(fleet, meta, run).registrations()
            way = way_back(source.weights, now, made=source.made, gone=gone(meta))
            made.append(Restoration(meta, source, way))
    return made


def check(wanted: Sequence[Restoration]) -> None:
    """Raise RefusedError with all that stands against it: nothing is written where anything does."""
    against = [f"{each.meta.name}: {text}" for each in wanted for text in each.way.refusals]
    if against:
        raise RefusedError(
            "restoring",
            on="traffic",
            why="; ".join(against),
            remedy="Save `ws-deployment traffic show --json`, edit the scores that you want, and give that file by "
            "--from; or name one meta cluster by --meta.",
        )


def restore(fleet: Fleet, wanted: Sequence[Restoration], run: RunSurroundings, tell: Tell) -> None:
    """Make the writes, telling each, and look whether all is as wanted. Making them again changes nothing.

    Raises WsDeploymentError where something differs afterwards.
    """
    private_folder(run.output_folder())
    for each in wanted:
        private_folder(cluster_folder(run.state, fleet.name, each.meta.name))
        moving = router(fleet, each.meta, run)
        aims = {name: target for name, target in each.way.target.items() if not target.static}
        scores = {name: target.score if target.available else 0 for name, target in aims.items()}
        for subtask in moving.subtasks(Stage(0.0, scores, each.way.writes, 0.0)):
            began = time.monotonic()
            moving.carry_out(subtask)
            tell(f"{each.meta.name}: {subtask.summary} ({time.monotonic() - began:.1f} s)")
        now = {registration.name: registration for registration in moving.registrations()}
        # What brings no starts may be written in more than one way by a team's own job.
        unlike = [name for name, aim in aims.items() if name not in now or now[name].effective != aim.effective]
        if unlike:
            raise WsDeploymentError(
                "verifying traffic of",
                on=each.meta.name,
                why=f"{', '.join(unlike)} differ from what was written",
                remedy="Look who else writes: ws-deployment traffic show. Then restore again.",
            )


@contextlib.contextmanager
def locked(fleet: Fleet, run: RunSurroundings, tell: Tell, *, insist: bool) -> Iterator[None]:
    """Hold the lock of the meta clusters, so that no run writes meanwhile.

    Unless `insist`, one whose API can't be reached is told of and gone on without. Raises LockedError.
    """
    with contextlib.ExitStack() as stack:
        for meta in sorted(fleet.meta_clusters, key=lambda meta: meta.name):
            try:
                api = meta_api(meta, run)
                if api:
                    stack.enter_context(acquire([api], run.run_id, fleet.name, cancelled=run.cancelled, tell=tell))
            except LockedError as error:
                raise LockedError(
                    error.attempted,
                    on=error.on,
                    why=error.why,
                    remedy="A run is at work there: stop it first (`ws-deployment runs cancel RUN`, where its state "
                    "is), or wait until it has ended.",
                ) from error
            except WsDeploymentError as error:
                if insist:
                    raise
                tell(f"{meta.name}: not locked: {error.why}")
        yield


def _kept(fleet: Fleet, meta: MetaCluster, run: RunSurroundings, run_id: str | None) -> Source:
    api = meta_api(meta, run)
    kept: tuple[Remembered, ...] = recall(api, fleet.name) if api else ()
    fitting = [each for each in kept if run_id in {None, each.run}]
    if not fitting:
        why = f"of {', '.join(each.run for each in kept)} alone" if kept else "no run has written any"
        raise UsageError(
            "looking for the weights that are kept at",
            on=meta.name,
            why=why if api else "its Kubernetes API is not configured (`kubernetes` of the meta cluster)",
            remedy="Give a file that `traffic show --json` has written by --from, or leave this meta cluster out "
            "by --meta.",
        )
    newest = fitting[0]
    return Source(f"before run {newest.run}, {newest.when}", newest.weights, newest.made)
