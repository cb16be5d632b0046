"""`due`: from cron or a CI schedule, go on with runs that waited for what has come, and carry out upgrades."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.attended import Watching, finish
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, StateServer, state_at
from ws_deployment.cli.runs_go_on import go_on
from ws_deployment.cli.upgrade_due import carry_out_upgrades, due_upgrades
from ws_deployment.errors import WsDeploymentError
from ws_deployment.output.choose import Format

if TYPE_CHECKING:
    from ws_deployment.engine.state import State


def command(
    interrupted: Annotated[
        bool, typer.Option("--interrupted", help="Also go on with runs whose process was killed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what is due.")] = False,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Go on with runs that waited for a moment that has come or an approval that was given; carry out due upgrades.

    Each goes on until it is done or waits again. Exits with 0 when nothing failed; runs that are not due are left.
    Upgrades are those that `upgrade due` would carry out, with what the environment says of clusters and releases.
    """
    from ws_deployment.engine.requests import due  # noqa: PLC0415  loaded when used

    place = state_at(state)
    found = due(place, interrupted=interrupted) if place.exists else []
    upgrades = due_upgrades(state)
    if as_json and dry_run:
        runs = [{"run": one.run, "why": one.why} for one in found]
        print(json.dumps([*runs, *({"upgrade": one.cluster, "why": one.when} for one in upgrades)]))
        return
    if not found and not upgrades:
        print("nothing is due", file=sys.stderr)
    for upgrade in upgrades if dry_run else []:
        print(f"upgrade of {upgrade.title}: {upgrade.when}", file=sys.stderr)
    codes = []
    for one in found:
        print(f"{one.run}: {one.why}", file=sys.stderr)
        if not dry_run:
            codes.append(_go_on(one.run, place, as_json=as_json))
    if upgrades and not dry_run:
        codes.append(carry_out_upgrades(state))
    finish(next((code for code in codes if code not in {ExitCode.DONE, ExitCode.WAITING}), ExitCode.DONE))


def _go_on(run: str, place: State, *, as_json: bool) -> ExitCode:
    """Go on with one of several: what goes wrong with it must not keep the others waiting."""
    form = Format.JSON if as_json else Format.PLAIN
    try:
        return go_on(place, run, Watching(form, exit_on_wait=True))
    except WsDeploymentError as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.FAILED
