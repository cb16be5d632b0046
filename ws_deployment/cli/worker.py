"""`worker`: carry out what detached runs left in the queues."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ws_deployment.cli.interruption import Interruption
from ws_deployment.cli.management import Context, Kubeconfig, Label, Place, ReleasesFolder
from ws_deployment.cli.options import StateServer, state_at
from ws_deployment.cli.upgrade_worker import upgrading
from ws_deployment.errors import UsageError
from ws_deployment.releases import marks

if TYPE_CHECKING:
    from ws_deployment.engine.events import Event


def command(
    upgrades: Annotated[
        bool, typer.Option("--upgrades", help="Also announce and carry out scheduled upgrades, as `upgrade due` does.")
    ] = False,
    releases: ReleasesFolder = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    label: Label = marks.RELEASE,
    state: StateServer = "",
) -> None:
    """Carry out what detached runs left in the queues, until Ctrl-C or SIGTERM.

    Any number of workers may run, on any number of machines that reach the database. One that dies is taken over by
    another when its lease has ended. With --upgrades, --releases, --kubeconfig and the like say where clusters are
    managed that have a scheduled upgrade.
    """
    from ws_deployment.engine.worker import work  # noqa: PLC0415  loads the durable library

    place = state_at(state)
    if not place.server:
        raise UsageError("working", why="workers share no state folder", remedy="Name a PostgreSQL by --state.")
    with Interruption() as interruption:
        print(f"working for {place}; Ctrl-C ends it", file=sys.stderr)
        with ExitStack() as beside:
            if upgrades:
                where = Place(releases, kubeconfig, context, label)
                beside.enter_context(upgrading(place, where, _say))
            work(place, interruption.asked, _tell, _say)
    _leave(interruption.code)


def _leave(code: int) -> NoReturn:
    """End without waiting for the durable library's threads.

    One of them waits for the end of a workflow that was taken over while this process was stopped, however long that
    takes elsewhere; and the interpreter waits for the threads of every executor.
    """
    atexit._run_exitfuncs()  # noqa: SLF001  no public way to run them before os._exit
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _tell(event: Event) -> None:
    what = " ".join(part for part in (event.task or "", event.kind, str(event.data.get("status", ""))) if part)
    print(f"{event.run}  {what}", file=sys.stderr, flush=True)
