"""`run`: roll out the clusters of a config, or with --dry-run say what would be done."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.config_file import require
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.interruption import Interruption
from ws_deployment.cli.options import AsJson, ConfigPath
from ws_deployment.output.choose import Format

if TYPE_CHECKING:
    from ws_deployment.engine.deployment import Request
    from ws_deployment.output.model import RunView


def command(
    config: ConfigPath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    cluster_id: Annotated[int | None, typer.Option(min=1, max=999, help="Id of the clusters; default: drawn.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only clusters of this prefix or name. Repeatable.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="No clusters of this prefix or name. Repeatable.")] = None,
    versions_manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Chart and image versions, over those of the config.")
    ] = None,
    source_ref: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Take every git source of the config at this ref.")
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    output: Annotated[Format, typer.Option(help="How the run is told.")] = Format.AUTO,
    as_json: AsJson = False,
    full: Annotated[bool, typer.Option("--full", help="With --dry-run: don't cut long listings.")] = False,
    metrics_textfile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the outcome as Prometheus metrics."),
    ] = None,
) -> None:
    """Roll out the clusters of a config.

    Makes the clusters beside the old ones, installs, tests and registers them, and moves traffic to them. Exits with
    0 when all is done, 1 when something failed, 2 for a faulty config, 3 when a check refused beforehand.
    """
    from ws_deployment.config import pinning  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.deployment import Request  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.pipeline import configure  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.state import State  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import state_path  # noqa: PLC0415  loaded when used

    read, _ = require(config)
    read = pinning.with_versions(read, versions_manifest) if versions_manifest else read
    read = pinning.with_source_ref(read, source_ref) if source_ref else read
    request = Request(
        config=read,
        config_file=config,
        steps=configure(read),
        state=State(state_path()),
        cluster_id=cluster_id,
        only=tuple(only or ()),
        exclude=tuple(exclude or ()),
    )
    if dry_run:
        _plan(request, as_json=as_json, full=full)
        return
    if read.environment == "production" and not yes and sys.stdin.isatty() and sys.stderr.isatty():
        request = _confirmed(request)
    _carry_out(request, Format.JSON if as_json else output, metrics_textfile)


def _plan(request: Request, *, as_json: bool, full: bool) -> Request:
    """Print the plan; the request with the id that was drawn for it."""
    import json  # noqa: PLC0415  loaded when used

    from ws_deployment.engine.events import EventBus  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.launch import dry_run, new_run_id  # noqa: PLC0415  loaded when used
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.plan import DIFF_LINES, PlanReport  # noqa: PLC0415  loaded when used

    run_id = new_run_id()
    deployment, planned = dry_run(request, EventBus(run_id), run_id)
    report = PlanReport(deployment.fleet, planned, deployment.unasked, diff_lines=None if full else DIFF_LINES)
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        print(report.write(Page.for_stream(sys.stdout)).text(), end="")
    return replace(request, cluster_id=deployment.fleet.cluster_id)


def _confirmed(request: Request) -> Request:
    """Show the plan and ask; a no ends the command."""
    planned = _plan(request, as_json=False, full=False)
    if not typer.confirm("\nCarry this out in production?", err=True):
        print("Nothing was done.", file=sys.stderr)
        raise typer.Exit(ExitCode.FAILED)
    return planned


def _carry_out(request: Request, form: Format, metrics_textfile: Path | None) -> None:
    from ws_deployment.engine.events import EventBus  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.interrupted import InterruptedRunError  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.launch import RefusedRunError, launch, new_run_id  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.manner import Manner  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.secrets import read_secret  # noqa: PLC0415  loaded when used
    from ws_deployment.output.choose import Streams, Wishes, outputs_for  # noqa: PLC0415  loaded when used
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.summary import Summary  # noqa: PLC0415  loaded when used

    run_id = new_run_id()
    bus = EventBus(run_id)
    folder = request.config_file.resolve().parent
    wishes = Wishes(
        notifications=request.config.notifications,
        secret=lambda reference: read_secret(reference, folder),
        metrics_textfile=metrics_textfile,
        summary=lambda run: Summary(run, _next_steps(run)).as_json(),
    )
    outputs = outputs_for(form, bus, Streams(sys.stdout, sys.stderr), os.environ, wishes)
    code = ExitCode.FAILED
    try:
        with outputs, Interruption() as interruption:
            report = launch(request, Manner(bus, interruption.asked))
            code = ExitCode.DONE if report.status.good else ExitCode.FAILED
    except RefusedRunError:
        code = ExitCode.REFUSED
    except InterruptedRunError:
        code = interruption.code
    if form is not Format.JSON and outputs.run.run:
        page = Page.for_stream(sys.stdout)
        print(Summary(outputs.run, _next_steps(outputs.run)).write(page).text(), end="")
    if code:
        raise typer.Exit(code)


def _next_steps(run: RunView) -> dict[str, str]:
    """Commands to go on with, beside those that every run has."""
    if not any(cluster.type == "local" for cluster in run.clusters):
        return {}
    return {f"watch where starts at {meta} land": f"ws-deployment lab load --meta {meta}" for meta in run.metas}
