"""`runs list`, `show`, `events`, `report`, `prune`: look at runs from any terminal that sees the state."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, RunName, StateServer, state_at
from ws_deployment.cli.runs_watch import left
from ws_deployment.errors import UsageError, WsDeploymentError

if TYPE_CHECKING:
    from ws_deployment.engine.store import Store
    from ws_deployment.output.standing import Standing


def list_command(
    fleet: Annotated[str, typer.Option(metavar="NAME", help="Only runs of this fleet.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    status: Annotated[str, typer.Option(metavar="STATUS", help="Only runs that stand so.")] = "",
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """List runs, the newest first: how they stand, when they began, what they wait for."""
    from ws_deployment.engine.outcome import Status  # noqa: PLC0415  loaded when used

    known = [str(each) for each in Status]
    if status and status not in known:
        raise UsageError("listing runs", on=f"--status {status}", why="no run stands so", remedy=f"Known: {known}.")
    place = state_at(state)
    found: list[Standing] = []
    if place.exists:
        from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy

        with opened(place) as store:
            found = _found(store, fleet, limit, status)
    if not found:
        print(f"no such run in {place}" if place.exists else f"no run so far in {place}", file=sys.stderr)
    if as_json:
        _json([each.as_json() for each in found])
    elif found:
        from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
        from ws_deployment.output.runs_list import write_list  # noqa: PLC0415  heavy

        print(write_list(Page.for_stream(sys.stdout), found, time.time()).text(), end="")


def show_command(run: RunName, as_json: AsJson = False, state: StateServer = "") -> None:
    """Show how a run stands: where starts go, whether it may be left so, the next commands; then all of its tasks."""
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.run_page import run_as_json, write_run  # noqa: PLC0415  heavy
    from ws_deployment.output.standing import story  # noqa: PLC0415  heavy

    with opened(state_at(state)) as store:
        told = story(store, run)
    if as_json:
        _json(run_as_json(told))
    else:
        print(write_run(Page.for_stream(sys.stdout), told, time.time()).text(), end="")


def events_command(
    run: RunName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until nobody is at the run any more.")] = False,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Tell what happened in a run; with --follow also what happens on. --json gives the documented lines."""
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy
    from ws_deployment.output.follow import JsonTeller, OutputTeller, tell  # noqa: PLC0415  heavy

    with opened(state_at(state)) as store:
        found = store.find(run)
        try:
            standing = tell(
                store, found.id, JsonTeller(sys.stdout) if as_json else OutputTeller.plain(sys.stdout), follow=follow
            )
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    if follow and standing.run.finished is None:
        left(standing)
        raise typer.Exit(ExitCode.FAILED)


def report_command(
    run: RunName,
    file: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.html", help="Where it is written.")],
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Write a run as one HTML file that needs no network: times, traffic, plans, outcomes, who said what."""
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy
    from ws_deployment.output.report import report  # noqa: PLC0415  heavy
    from ws_deployment.output.standing import story  # noqa: PLC0415  heavy

    with opened(state_at(state)) as store:
        told = story(store, run)
    text = report(told, time.time())
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WsDeploymentError(
            "writing the report", on=str(file), why=error.strerror or str(error), remedy="Name a file in a folder."
        ) from error
    if as_json:
        _json({"run": told.standing.run.id, "file": str(file)})
    else:
        print(file)


def prune_command(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="DURATION", help="Ended longer ago than this, like 90d.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell which.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Forget runs that ended long ago, with their events and outputs. Nothing of their clusters is touched.

    Unfinished runs are kept, and so is what an unfinished rollback undoes.
    """
    from ws_deployment.engine.retention import forget  # noqa: PLC0415  heavy
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy

    before = time.time() - _seconds(older_than)
    place = state_at(state)
    found: list[str] = []
    if place.exists:
        with opened(place) as store:
            found = [run.id for run in store.ended_before(before)]
    if found and not dry_run:
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Forget {len(found)} of the runs in {place}, the newest {found[0]}?", abort=True, err=True)
        found = forget(place, before)
    if as_json:
        _json({"forgotten": [] if dry_run else found, "wouldForget": found if dry_run else []})
        return
    for name in found:
        print(name)
    print(f"{'would forget' if dry_run else 'forgot'} {len(found)} runs in {place}", file=sys.stderr)


def _found(store: Store, fleet: str, limit: int, status: str) -> list[Standing]:
    """The runs that were asked for; how one stands is known only after looking at who is at it."""
    from ws_deployment.output.standing import standings  # noqa: PLC0415  heavy

    found = standings(store, store.runs(fleet=fleet, limit=None if status else limit))
    return [each for each in found if not status or each.run.status == status][:limit]


def _seconds(text: str) -> float:
    from ws_deployment.config.duration import parse_duration  # noqa: PLC0415  loads pydantic

    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise UsageError("pruning", on=f"--older-than {text}", why=str(error), remedy="Like 90d or 12h.") from error


def _json(data: Any) -> None:
    print(json.dumps(data, indent=2))
