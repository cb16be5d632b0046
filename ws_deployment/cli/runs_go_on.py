"""`runs resume`, `retry`, `rollback`: go on with a run that stands in the state."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.attended import Watching, attended, finish
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, Detach, ExitOnWait, RunName, StateServer, WaitForLocks, detached, state_at
from ws_deployment.output.choose import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ws_deployment.engine.manner import Manner, Report
    from ws_deployment.engine.state import State
    from ws_deployment.engine.store import Run

Output = Annotated[Format, typer.Option(help="How the run is told.")]


def resume_command(
    run: RunName,
    output: Output = Format.AUTO,
    as_json: AsJson = False,
    wait: WaitForLocks = None,
    exit_on_wait: ExitOnWait = False,
    detach: Detach = False,
    state: StateServer = "",
) -> None:
    """Go on with an unfinished run where its work stands.

    What was done is not done again; what was under way is taken up. A paused run that a process is at goes on there.
    """
    from ws_deployment.engine.requests import unpause  # noqa: PLC0415  loaded when used

    place = state_at(state)
    if paused := unpause(place, run):
        told = {"run": paused, "asked": "resume"}
        print(json.dumps(told) if as_json else f"{paused} goes on in the process that is at it")
        return
    form = Format.JSON if as_json else output
    left = detached(place, wanted=detach)
    finish(go_on(place, run, Watching(form, wait=wait, exit_on_wait=exit_on_wait, detach=left)))


def retry_command(
    run: RunName,
    only: Annotated[list[str] | None, typer.Option(metavar="TASK", help="Only this task. Repeatable.")] = None,
    output: Output = Format.AUTO,
    as_json: AsJson = False,
    wait: WaitForLocks = None,
    exit_on_wait: ExitOnWait = False,
    detach: Detach = False,
    state: StateServer = "",
) -> None:
    """Carry out again what failed and what depended on it; what was done is kept."""
    place = state_at(state)
    left = detached(place, wanted=detach)
    watching = Watching(Format.JSON if as_json else output, wait=wait, exit_on_wait=exit_on_wait, detach=left)
    finish(_go_on(place, run, watching, only=tuple(only or ()), again=True))


def rollback_command(
    run: RunName,
    destroy: Annotated[
        bool, typer.Option("--destroy", help="Also deregister and remove what the run made, if nobody works on it.")
    ] = False,
    force_parts: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="Go back although this part was changed since. Repeatable."),
    ] = None,
    output: Output = Format.AUTO,
    as_json: AsJson = False,
    wait: WaitForLocks = None,
    detach: Detach = False,
    state: StateServer = "",
) -> None:
    """Undo what a run did, in reverse order: weights as they were, what it made cordoned and kept.

    It is a run of its own: it can be stopped and resumed.
    """
    place = state_at(state)
    watching = Watching(Format.JSON if as_json else output, wait=wait, detach=detached(place, wanted=detach))
    finish(roll_back(place, run, watching, destroy=destroy, forced=tuple(force_parts or ())))


def go_on(state: State, name: str, watching: Watching, *, whatever: bool = False) -> ExitCode:
    """Go on with a run that stands in the state.

    `whatever` it came to: one that is done is told of, and what failed is tried again.
    """
    if not whatever:
        return _go_on(state, name, watching)
    from ws_deployment.engine.outcome import Status  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.store import opened  # noqa: PLC0415  loaded when used

    with opened(state) as store:
        run = store.find(name)
    if run.status is Status.DONE:
        print(f"run {run.id} with key {run.key} is done", file=sys.stderr)
        return ExitCode.DONE
    return _go_on(state, name, watching, again=run.finished is not None)


def roll_back(
    state: State, name: str, watching: Watching, *, destroy: bool = False, forced: Collection[str] = ()
) -> ExitCode:
    """Undo a run."""
    from ws_deployment.engine.launch import new_run_id  # noqa: PLC0415  loaded when used

    def carry(run: Run) -> Callable[[Manner], Report]:
        from ws_deployment.engine import resumption  # noqa: PLC0415  loads the durable library

        return lambda manner: resumption.rollback(state, run.id, manner, destroy=destroy, forced=forced)

    run_id = new_run_id()
    code = _attended(state, name, watching, carry, run_id=run_id)
    if watching.detach and code is ExitCode.DONE and watching.form is not Format.JSON:
        print(run_id)
    return code


def undone_if_wanted(state: State, name: str, code: ExitCode, watching: Watching) -> ExitCode:
    """After a run: undo it where it failed and is to be taken back for that; the code of the whole."""
    from ws_deployment.engine.requests import shall_be_undone  # noqa: PLC0415  loaded when used

    if code not in {ExitCode.FAILED, ExitCode.ROLLED_BACK} or not shall_be_undone(state, name):
        return code
    return ExitCode.ROLLED_BACK if roll_back(state, name, watching) is ExitCode.DONE else ExitCode.FAILED


def _go_on(state: State, name: str, watching: Watching, *, only: Collection[str] = (), again: bool = False) -> ExitCode:
    def carry(run: Run) -> Callable[[Manner], Report]:
        from ws_deployment.engine import resumption  # noqa: PLC0415  loads the durable library

        if again:
            return lambda manner: resumption.retry(state, run.id, manner, only)
        return lambda manner: resumption.resume(state, run.id, manner)

    code = _attended(state, name, watching, carry)
    return undone_if_wanted(state, name, code, watching)


def _attended(
    state: State,
    name: str,
    watching: Watching,
    carry: Callable[[Run], Callable[[Manner], Report]],
    run_id: str = "",
) -> ExitCode:
    from ws_deployment.engine.deployment import request_of  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.store import opened  # noqa: PLC0415  loaded when used

    with opened(state) as store:
        run = store.find(name)
        request = request_of(store.record(run.id), state)
    return attended(carry(run), run_id or run.id, request.config, Path(request.config_file), watching)
