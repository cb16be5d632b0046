"""`plan`: say what a run would do, and keep that for `apply`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.detailed_exitcode import CHANGES, DetailedCommand, DetailedExitcode, ended
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, ConfigPath
from ws_deployment.cli.plan_shown import Form, Full, PlanFormat, plan, show
from ws_deployment.cli.requested import ClusterId, Exclude, Only, SourceRef, VersionsManifest, Wanted

if TYPE_CHECKING:
    from ws_deployment.cli.plan_shown import Planned
    from ws_deployment.engine.deployment import Deployment, Request

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(cls=DetailedCommand)
def command(
    config: ConfigPath,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the plan for `apply`; what tools need lies beside it.")
    ] = None,
    cluster_id: ClusterId = None,
    only: Only = None,
    exclude: Exclude = None,
    versions_manifest: VersionsManifest = None,
    source_ref: SourceRef = None,
    form: Form = PlanFormat.TEXT,
    as_json: AsJson = False,
    full: Full = False,
    detailed_exitcode: DetailedExitcode = False,
) -> None:
    """Say what a run would do, changing nothing; with --out keep it for `apply`.

    Exits with 0, with 1 when a step could not plan, 2 for a faulty config, 3 when a check refuses. A plan with such a
    task is shown, not kept.
    """
    wanted = Wanted(config, cluster_id, only, exclude, versions_manifest, source_ref)
    shown = PlanFormat.JSON if as_json else form
    ended(lambda: _plan(wanted, out, shown, full=full, detailed=detailed_exitcode), detailed=detailed_exitcode)


def _plan(wanted: Wanted, out: Path | None, form: PlanFormat, *, full: bool, detailed: bool) -> int:
    """Plan, print, keep; the exit code."""
    from ws_deployment.engine.launch import new_run_id  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.outcome import Status  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.saved_plan import concerned, staging  # noqa: PLC0415  loaded when used
    from ws_deployment.interfaces import Change  # noqa: PLC0415  loaded when used

    request = wanted.request("")
    run_id = new_run_id()
    staged = staging(out) if out else None
    try:
        deployment, planned = plan(request, run_id, staged)
        show(deployment.fleet, planned, deployment.unasked, form, full=full)
        bad = concerned(planned, Status.REFUSED, Status.FAILED)
        if out and staged and not bad:
            _keep(out, staged, request, run_id, (deployment, planned))
    finally:
        if staged:
            shutil.rmtree(staged, ignore_errors=True)
    if bad:
        if out:
            print(f"Not kept, because it can't be carried out: {', '.join(bad)}.", file=sys.stderr)
        return ExitCode.FAILED if concerned(planned, Status.FAILED) else ExitCode.REFUSED
    changes = any(intent.plan and intent.plan.change not in {Change.NONE, Change.READ} for _, intent in planned)
    return CHANGES if detailed and changes else ExitCode.DONE


def _keep(out: Path, staged: Path, request: Request, run_id: str, made: tuple[Deployment, Planned]) -> None:
    from ws_deployment.engine import saved_plan  # noqa: PLC0415  loaded when used

    deployment, planned = made
    kept = saved_plan.SavedPlan(
        run=run_id,
        made=saved_plan.now(),
        config=request.config,
        config_file=request.config_file.resolve(),
        cluster_id=deployment.fleet.cluster_id,
        only=request.only,
        exclude=request.exclude,
        fleet=deployment.fleet.name,
        clusters=tuple(cluster.name for cluster in deployment.fleet.workspace_clusters),
        planned=planned,
        unasked=deployment.unasked,
        files=saved_plan.digests(staged),
    )
    saved_plan.write(out, kept, staged)
    print(f"Kept in {out}. Carry it out: ws-deployment apply {out}", file=sys.stderr)
