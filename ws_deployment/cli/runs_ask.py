"""`runs pause`, `cancel`, `approve`, `mark-done`: say something to a run, from any terminal that sees the state."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from ws_deployment.cli.options import AsJson, RunName, StateServer, state_at

Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept with the run.")]


def pause_command(run: RunName, as_json: AsJson = False, state: StateServer = "") -> None:
    """Have a run stop before its next effect. `runs resume` lets it go on."""
    from ws_deployment.engine.requests import pause  # noqa: PLC0415  loaded when used

    found = pause(state_at(state), run)
    _tell(as_json, {"run": found.id, "asked": "pause"}, f"{found.id} pauses before its next effect")


def cancel_command(run: RunName, as_json: AsJson = False, state: StateServer = "") -> None:
    """End a run where it stands. Nothing is undone: see `runs rollback`."""
    from ws_deployment.engine.requests import cancel  # noqa: PLC0415  loaded when used

    found = cancel(state_at(state), run)
    ended = found.finished is not None
    _tell(
        as_json,
        {"run": found.id, "asked": "cancel", "status": str(found.status)},
        f"{found.id} is cancelled" if ended else f"{found.id} is asked to stop",
    )


def approve_command(
    run: RunName,
    task: Annotated[str, typer.Option(metavar="TASK", help="Which question; needed when several are open.")] = "",
    reason: Reason = "",
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Say yes to what a run waits for. Who said so, and when, is kept."""
    from ws_deployment.engine.requests import approve  # noqa: PLC0415  loaded when used

    wait = approve(state_at(state), run, task, reason)
    name = f"{wait.task}/{wait.subtask}"
    _tell(as_json, {"run": wait.run, "approved": name}, f"{wait.run}: {name} is approved: {wait.text}")


def mark_done_command(
    run: RunName,
    task: Annotated[str, typer.Argument(metavar="TASK", help="As `runs show` names it, like eu17/install-gitpod.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What was done by hand, and why.")],
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Say that a task was done by hand. `runs retry` then only verifies it."""
    from ws_deployment.engine.requests import mark_done  # noqa: PLC0415  loaded when used

    found = mark_done(state_at(state), run, task, reason)
    _tell(
        as_json,
        {"run": found.id, "marked": task},
        f"{task} counts as done by hand; go on with: ws-deployment runs retry {found.id}",
    )


def _tell(as_json: bool, data: dict[str, str], text: str) -> None:
    print(json.dumps(data) if as_json else text, file=sys.stdout)
