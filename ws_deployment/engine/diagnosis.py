"""What `doctor` looks at: programs, cluster types' own needs, meta clusters. Read-only; every finding is told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ws_deployment.engine import ids, plugins
from ws_deployment.engine.context import RunSurroundings
from ws_deployment.engine.deployment import Request
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.meta_diagnosis import diagnose_meta
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.fleet.resolve import resolve
from ws_deployment.interfaces import Finding
from ws_deployment.tools.find import find


def diagnose(request: Request) -> Iterator[Finding]:
    """All findings for a config, as they are made."""
    fleet = resolve(request.config, ids.PREFERRED.start, only=request.only, exclude=request.exclude)
    yield _state_folder(request.state.folder)
    yield from _programs(request)
    for name in sorted({cluster.type for cluster in fleet.workspace_clusters} | {m.type for m in fleet.meta_clusters}):
        yield from _type(name, fleet)
    surroundings = RunSurroundings(
        run_id="doctor",
        dry_run=True,
        config=request.config,
        config_folder=request.config_file.resolve().parent,
        state=request.state.folder,
        bus=EventBus("doctor"),
    )
    for meta in fleet.meta_clusters:
        yield from diagnose_meta(meta, fleet, surroundings)


def _state_folder(folder: Path) -> Finding:
    if not folder.exists():
        return Finding("state folder", "ok", f"{folder} (made by the first run)")
    if folder.stat().st_mode & 0o077:
        return Finding("state folder", "fault", f"{folder} can be read by others", f"chmod 700 {folder}")
    if not os.access(folder, os.W_OK):
        return Finding("state folder", "fault", f"{folder} can't be written", "Check its owner.")
    return Finding("state folder", "ok", str(folder))


def _programs(request: Request) -> Iterator[Finding]:
    named = request.config.terraform.program
    if named:
        path = shutil.which(Path(named).expanduser())
        missing = Finding(named, "fault", "it is not here", "Check terraform.program.")
        yield Finding(named, "ok", f"at {path}") if path else missing
    for name in ("helm",) if named else ("terraform", "helm"):
        if found := find(name):
            yield Finding(found.path.name, "ok", f"{found.version} at {found.path}")
        else:
            yield Finding(name, "fault", "no fitting one is here", f"Install {name}.")


def _type(name: str, fleet: Fleet) -> Iterator[Finding]:
    try:
        kind = plugins.cluster_type(name)
        if kind.preview:
            yield Finding(f"type {name}", "warning", f"preview: {kind.preview}")
        yield from kind().diagnose(fleet)
    except WsDeploymentError as error:
        yield Finding(f"type {name}", "fault", error.why, error.remedy)
