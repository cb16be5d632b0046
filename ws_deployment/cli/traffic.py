"""`traffic`: who takes starts now, and back to what was before. Asks the meta clusters; needs no journal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ws_deployment.cli.config_file import require
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.lazy import Lazy, LazyGroup
from ws_deployment.cli.options import AsJson, ConfigPath


class TrafficCommands(LazyGroup):
    """The commands of traffic."""

    lazy = {  # noqa: RUF012  the annotation stands in LazyGroup
        "show": Lazy("ws_deployment.cli.traffic:show", "Show scores, cordons and shares, now and before the last run."),
        "restore": Lazy("ws_deployment.cli.traffic:restore", "Write the weights back as they were before a run."),
    }


app = typer.Typer(
    cls=TrafficCommands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

OneMeta = Annotated[str | None, typer.Option(metavar="NAME", help="This meta cluster alone.")]


@app.callback()
def traffic() -> None:
    """Who takes starts now, and back to what was before. Needs no journal."""


def show(config: ConfigPath, meta: OneMeta = None, as_json: AsJson = False) -> None:
    """Show scores, cordons and shares at each meta cluster, and the weights before the last runs where they are kept.

    Exits with 1 when a meta cluster can't be asked.
    """
    from ws_deployment.engine.traffic_view import onlooker, view, whole_fleet  # noqa: PLC0415  loaded when used
    from ws_deployment.output import traffic as output  # noqa: PLC0415  loaded when used
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import state_path  # noqa: PLC0415  loaded when used

    read, _ = require(config)
    fleet = whole_fleet(read, meta)
    seen = view(fleet, onlooker(read, config, state_path(), name="traffic-show"))
    if as_json:
        print(json.dumps(output.as_json(fleet.name, seen), indent=2))
    else:
        print(output.write(Page.for_stream(sys.stdout), seen).text(), end="")
    if any(each.problem for each in seen):
        raise typer.Exit(ExitCode.FAILED)


def restore(
    config: ConfigPath,
    meta: OneMeta = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Weights that `traffic show --json` has written.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="As it was before this run; default: the last one.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the weights back as they were before a run: what took starts comes up first, then the rest goes down.

    They are kept at the meta cluster, or come from a file. Exits with 3, having written nothing, when a cluster that
    took starts is gone or none would take starts afterwards; with 5 while a run works on the same weights.
    """
    from ws_deployment.engine import traffic_restore as restoring  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.launch import new_run_id  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.survey import gone_clusters  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.traffic_view import onlooker, whole_fleet  # noqa: PLC0415  loaded when used
    from ws_deployment.output import traffic as output  # noqa: PLC0415  loaded when used
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.tools.folders import state_path  # noqa: PLC0415  loaded when used

    read, _ = require(config)
    fleet = whole_fleet(read, meta)
    looking = onlooker(read, config, state_path(), name="traffic-restore")
    # The state folder's disk may be what is broken: what routers keep while they write goes with the command.
    writing = onlooker(read, config, looking.scratch, name=f"restore-{new_run_id()}", dry_run=dry_run)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def plan() -> list[restoring.Restoration]:
        found = restoring.sources_of_file(source, fleet) if source else restoring.sources(fleet, looking, run_id=run)
        return list(restoring.restorations(fleet, found, looking, lambda each: gone_clusters(fleet, each, looking)))

    wanted = plan()
    if not as_json:
        print(output.write_restorations(Page.for_stream(sys.stdout), wanted).text(), end="", flush=True)
    restoring.check(wanted)
    asked = sys.stdin.isatty() and sys.stderr.isatty() and not yes and not dry_run
    if asked and not typer.confirm("\nWrite this?", err=True):
        tell("Nothing was written.")
        raise typer.Exit(ExitCode.FAILED)
    if not dry_run:
        with restoring.locked(fleet, writing, tell, insist=source is None):
            # What was shown may be old by now: a run could have gone on until the lock was ours.
            again = plan()
            restoring.check(again)
            if again != wanted:
                tell("Weights have changed since they were shown; nothing was written.")
                raise typer.Exit(ExitCode.STALE_PLAN)
            restoring.restore(fleet, again, writing, tell)
    if as_json:
        print(json.dumps(output.restorations_as_json(wanted, done=not dry_run), indent=2))
