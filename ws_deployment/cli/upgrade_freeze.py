"""`upgrade freeze`: times in which nothing is upgraded."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.options import AsJson, StateServer, state_at
from ws_deployment.errors import UsageError

if TYPE_CHECKING:
    from ws_deployment.releases.calendar.freezes import Freeze


def command(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why nothing is upgraded.")] = "",
    cluster: Annotated[str, typer.Option(metavar="NAMESPACE/NAME", help="Only this one; default: all.")] = "",
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="With its zone; default: now.")] = "",
    end: Annotated[str, typer.Option("--until", metavar="TIME", help="With its zone; default: until lifted.")] = "",
    lift: Annotated[str, typer.Option(metavar="ID", help="End a freeze.")] = "",
    show: Annotated[bool, typer.Option("--list", help="Only tell which freezes hold or will.")] = False,
    as_json: AsJson = False,
    state: StateServer = "",
) -> None:
    """Let nothing be upgraded for some time: neither by schedule nor by `upgrade apply`."""
    from ws_deployment.engine.schedules import Schedules  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.store import Store  # noqa: PLC0415  heavy

    if (bool(reason), bool(lift), show).count(True) != 1:
        raise UsageError("freezing", why="give one of --reason, --lift and --list", remedy="As --reason 'the sale'.")
    wanted = None if lift or show else _freeze(reason, cluster, start, end)
    store = Store(state_at(state))
    try:
        schedules, now = Schedules(store), time.time()
        found = schedules.kept_freezes(now) if show else []
        if wanted is not None:
            found = [schedules.freeze(wanted)]
            for hit in schedules.open():
                if wanted.holds(hit.cluster, datetime.fromtimestamp(hit.opens, UTC)):
                    print(f"This holds {hit.title}, {hit.when}.", file=sys.stderr)
        if lift:
            found = [schedules.lift(lift, now)]
    finally:
        store.close()
    if as_json:
        print(json.dumps([one.as_json() for one in found], indent=2))
    for one in [] if as_json else found:
        said = "lifted" if lift else str(one.freeze)
        print(f"{one.id}  {one.freeze.cluster or 'all clusters'}: {said}")


def _freeze(reason: str, cluster: str, start: str, end: str) -> Freeze:
    from ws_deployment.releases.calendar.freezes import Freeze  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.calendar.moment import moment  # noqa: PLC0415  loaded when used

    begin = moment(start) if start else datetime.fromtimestamp(time.time(), UTC)
    until = moment(end) if end else None
    if until is not None and until <= begin:
        raise UsageError("freezing", on=f"--until {end}", why="it ends before it begins", remedy="Name a later time.")
    if cluster and "/" not in cluster:
        raise UsageError("freezing", on=f"--cluster {cluster}", why="it has no namespace", remedy="As org-acme/alpha.")
    return Freeze(begin, until, reason, cluster)
