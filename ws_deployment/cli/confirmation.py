"""Shows the plan of a run, and on a terminal asks before it is carried out in production."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.plan_shown import PlanFormat, plan, show

if TYPE_CHECKING:
    from ws_deployment.config.v1 import Environment
    from ws_deployment.engine.deployment import Request


def planned(request: Request, *, as_json: bool, full: bool) -> Request:
    """Print the plan; the request with the id that was drawn for it."""
    from ws_deployment.engine.launch import new_run_id  # noqa: PLC0415  loaded when used

    deployment, intents = plan(request, new_run_id())
    form = PlanFormat.JSON if as_json else PlanFormat.TEXT
    show(deployment.fleet, intents, deployment.unasked, form, full=full)
    return replace(request, cluster_id=deployment.fleet.cluster_id)


def confirmed(request: Request, *, yes: bool) -> Request:
    """For production, on a terminal and unless `yes`: show the plan and ask; a no ends the command."""
    if not asks(request.config.environment, yes=yes):
        return request
    request = planned(request, as_json=False, full=False)
    ask()
    return request


def asks(environment: Environment, *, yes: bool) -> bool:
    """Whether a person is asked before anything is done: for production, on a terminal, unless `yes`."""
    return environment == "production" and not yes and sys.stdin.isatty() and sys.stderr.isatty()


def ask() -> None:
    """Ask about the plan that was shown; a no ends the command."""
    if not typer.confirm("\nCarry this out in production?", err=True):
        print("Nothing was done.", file=sys.stderr)
        raise typer.Exit(ExitCode.FAILED)
