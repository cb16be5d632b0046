"""`worker`: carry out what detached runs left in the queues."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from ws_deployment.cli.interruption import Interruption
from ws_deployment.cli.options import StateServer, state_at
from ws_deployment.errors import UsageError

if TYPE_CHECKING:
    from ws_deployment.engine.events import Event


def command(state: StateServer = "") -> None:
    """Carry out what detached runs left in the queues, until Ctrl-C or SIGTERM.

    Any number of workers may run, on any number of machines that reach the database. One that dies is taken over by
    another when its lease has ended.
    """
    from ws_deployment.engine.worker import work  # noqa: PLC0415  loads the durable library

    place = state_at(state)
    if not place.server:
        raise UsageError("working", why="workers share no state folder", remedy="Name a PostgreSQL by --state.")
    with Interruption() as interruption:
        print(f"working for {place}; Ctrl-C ends it", file=sys.stderr)
        work(place, interruption.asked, _tell, _say)
    raise typer.Exit(interruption.code)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _tell(event: Event) -> None:
    what = " ".join(part for part in (event.task or "", event.kind, str(event.data.get("status", ""))) if part)
    print(f"{event.run}  {what}", file=sys.stderr, flush=True)
