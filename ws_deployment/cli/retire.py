"""`retire`: take one cluster away for good, when nobody is sent to it and nobody works on it any more."""

from __future__ import annotations

from typing import Annotated

import typer

from ws_deployment.cli.attended import Watching, finish, fresh
from ws_deployment.cli.confirmation import confirmed, planned
from ws_deployment.cli.options import (
    AsJson,
    BesideOthers,
    ConfigPath,
    Detach,
    ExitOnWait,
    MetricsTextfile,
    StateServer,
    UnsharedLock,
    WaitForLocks,
)
from ws_deployment.cli.requested import Wanted
from ws_deployment.output.choose import Format


def command(
    config: ConfigPath,
    cluster: Annotated[str, typer.Argument(help="Its short name, as the meta cluster has it: eu16.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    soak: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Wait before anything is done to it; default: 24h.")
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    output: Annotated[Format, typer.Option(help="How the run is told.")] = Format.AUTO,
    as_json: AsJson = False,
    wait: WaitForLocks = None,
    exit_on_wait: ExitOnWait = False,
    detach: Detach = False,
    unshared_lock: UnsharedLock = False,
    new: BesideOthers = False,
    state: StateServer = "",
    metrics_textfile: MetricsTextfile = None,
) -> None:
    """Retire one cluster: wait until nobody works on it, deregister it, destroy it.

    A run of its own: it is watched, resumed and cancelled as any. Exits with 0 when the cluster is gone, 1 when
    something failed, 2 for a faulty config or a cluster that is not there, 3 when the cluster must not go.
    """
    from ws_deployment.engine.retiring import retirement  # noqa: PLC0415  loaded when used

    told = {} if soak is None else {"soak": _duration(soak)}
    request = retirement(Wanted(config, None, None, None, None, None).request(state), cluster, told)
    if dry_run:
        planned(request, as_json=as_json, full=True)
        return
    request = confirmed(request, yes=yes)
    watching = Watching(
        form=Format.JSON if as_json else output,
        metrics_textfile=metrics_textfile,
        wait=wait,
        exit_on_wait=exit_on_wait,
        new=new,
        detach=detach,
        unshared_lock=unshared_lock,
    )
    _, code = fresh(request, watching)
    finish(code)


def _duration(text: str) -> float:
    from ws_deployment.config.duration import parse_duration  # noqa: PLC0415  loaded when used

    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--soak") from error
