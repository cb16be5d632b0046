"""`runs watch`: see a run as its own terminal shows it, from any other one, and end as it ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, RunName, StateServer, state_at
from ws_deployment.output.choose import Format

if TYPE_CHECKING:
    from ws_deployment.engine.outcome import Status
    from ws_deployment.output.standing import Standing


def command(
    run: RunName,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of the live view.")] = False,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Watch a run live until it ends, and exit with its code.

    Ctrl-C ends the watching, not the run. Where no process is at the run any more it says so and exits with 1, or with
    6 where the run waits for a person.
    """
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy
    from ws_deployment.output.choose import watching  # noqa: PLC0415  heavy
    from ws_deployment.output.follow import JsonTeller, OutputTeller, tell  # noqa: PLC0415  heavy
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.summary import Summary  # noqa: PLC0415  heavy

    with opened(state_at(state)) as store:
        found = store.find(run)
        try:
            if as_json:
                standing = tell(store, found.id, JsonTeller(sys.stdout), follow=True)
            else:
                form = Format.PLAIN if plain else Format.AUTO
                with OutputTeller(watching(form, sys.stderr, os.environ), sys.stderr) as teller:
                    standing = tell(store, found.id, teller, follow=True)
                    if standing.run.finished is None:
                        teller.leave(standing.run.status)
                if teller.run.tasks:
                    print(Summary(teller.run).write(Page.for_stream(sys.stdout)).text(), end="")
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    if standing.run.finished is None:
        left(standing)
    if code := code_of(standing.run.status):
        raise typer.Exit(code)


def left(standing: Standing) -> None:
    """Say that nobody is at the run, which has not come to its end."""
    run = standing.run
    print(f"run {run.id} is {run.status}: no process is at it; see `ws-deployment runs show {run.id}`", file=sys.stderr)


def code_of(status: Status) -> ExitCode:
    """The code with which a run ends that stands so."""
    from ws_deployment.engine.outcome import Status  # noqa: PLC0415  loaded when used

    codes = {
        Status.DONE: ExitCode.DONE,
        Status.TURNED_BACK: ExitCode.ROLLED_BACK,
        Status.ROLLED_BACK: ExitCode.ROLLED_BACK,
        Status.REFUSED: ExitCode.REFUSED,
        Status.WAITING: ExitCode.WAITING,
    }
    return codes.get(status, ExitCode.FAILED)
