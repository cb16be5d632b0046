"""`run`: roll out the clusters of a config, or with --dry-run say what would be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.attended import Watching, finish, fresh
from ws_deployment.cli.confirmation import confirmed, planned
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import (
    AsJson,
    BesideOthers,
    ConfigPath,
    Detach,
    ExitOnWait,
    MetricsTextfile,
    StateServer,
    UnsharedLock,
    WaitForLocks,
)
from ws_deployment.cli.requested import ClusterId, Exclude, Only, SourceRef, VersionsManifest, Wanted
from ws_deployment.cli.runs_go_on import go_on, undone_if_wanted
from ws_deployment.output.choose import Format

if TYPE_CHECKING:
    from ws_deployment.engine.deployment import Request


def command(
    config: ConfigPath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    cluster_id: ClusterId = None,
    only: Only = None,
    exclude: Exclude = None,
    versions_manifest: VersionsManifest = None,
    source_ref: SourceRef = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    output: Annotated[Format, typer.Option(help="How the run is told.")] = Format.AUTO,
    as_json: AsJson = False,
    wait: WaitForLocks = None,
    exit_on_wait: ExitOnWait = False,
    key: Annotated[
        str, typer.Option(metavar="KEY", help="A name for this run: a second one with it goes on with the first.")
    ] = "",
    detach: Detach = False,
    unshared_lock: UnsharedLock = False,
    new: BesideOthers = False,
    state: StateServer = "",
    full: Annotated[bool, typer.Option("--full", help="With --dry-run: don't cut long listings.")] = False,
    metrics_textfile: MetricsTextfile = None,
) -> None:
    """Roll out the clusters of a config.

    Makes the clusters beside the old ones, installs, tests and registers them, and moves traffic to them. Exits with
    0 when all is done, 1 when something failed, 2 for a faulty config, 3 when a check refused beforehand.
    """
    request = Wanted(config, cluster_id, only, exclude, versions_manifest, source_ref).request(state)
    if dry_run:
        planned(request, as_json=as_json, full=full)
        return
    request = confirmed(request, yes=yes)
    watching = Watching(
        form=Format.JSON if as_json else output,
        metrics_textfile=metrics_textfile,
        wait=wait,
        exit_on_wait=exit_on_wait,
        new=new,
        key=key,
        detach=detach,
        unshared_lock=unshared_lock,
    )
    finish(_carry_out(request, watching))


def _carry_out(request: Request, watching: Watching) -> ExitCode:
    """Begin the run, or go on with the one that has its key; where the config says so, undo one that failed."""
    if watching.key and (begun := _with_key(request, watching.key)):
        return go_on(request.state, begun, watching, whatever=True)
    run_id, code = fresh(request, watching)
    return undone_if_wanted(request.state, run_id, code, watching)


def _with_key(request: Request, key: str) -> str:
    """Id of the run that has the key; empty where there is none."""
    from ws_deployment.engine.store import Store  # noqa: PLC0415  loaded when used
    from ws_deployment.fleet.resolve import fleet_name  # noqa: PLC0415  loaded when used

    if not request.state.exists:
        return ""
    store = Store(request.state)
    try:
        run = store.with_key(fleet_name(request.config), key)
        return run.id if run else ""
    finally:
        store.close()
