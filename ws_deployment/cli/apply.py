"""`apply`: do what a saved plan says, and nothing else."""

from __future__ import annotations

from typing import Annotated

import typer

from ws_deployment.cli.attended import Watching, attended, finish
from ws_deployment.cli.confirmation import ask, asks
from ws_deployment.cli.options import (
    AsJson,
    BesideOthers,
    ExitOnWait,
    MetricsTextfile,
    StateServer,
    UnsharedLock,
    WaitForLocks,
    state_for,
)
from ws_deployment.cli.plan_shown import PlanFormat, show_saved
from ws_deployment.cli.runs_go_on import undone_if_wanted
from ws_deployment.cli.show_plan import PlanFile
from ws_deployment.output.choose import Format


def command(
    plan: PlanFile,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    output: Annotated[Format, typer.Option(help="How the run is told.")] = Format.AUTO,
    as_json: AsJson = False,
    wait: WaitForLocks = None,
    exit_on_wait: ExitOnWait = False,
    unshared_lock: UnsharedLock = False,
    new: BesideOthers = False,
    state: StateServer = "",
    metrics_textfile: MetricsTextfile = None,
) -> None:
    """Carry out a saved plan exactly.

    Exits as `run` does, and with 4 when the world has moved since the plan was made; all that differs is told, and
    nothing is done. A plan is applied once.
    """
    from ws_deployment.engine.deployment import request_to_apply  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.launch import launch  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.saved_plan import SavedPlan  # noqa: PLC0415  loaded when used

    saved = SavedPlan.read(plan)
    place = state_for(state, saved.config, saved.config_file)
    request = request_to_apply(saved, place)
    if asks(saved.config.environment, yes=yes):
        show_saved(saved, PlanFormat.TEXT, full=False)
        ask()
    watching = Watching(
        form=Format.JSON if as_json else output,
        metrics_textfile=metrics_textfile,
        wait=wait,
        exit_on_wait=exit_on_wait,
        new=new,
        unshared_lock=unshared_lock,
    )
    code = attended(lambda manner: launch(request, manner), saved.run, saved.config, saved.config_file, watching)
    finish(undone_if_wanted(place, saved.run, code, watching))
