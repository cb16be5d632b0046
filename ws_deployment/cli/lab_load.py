"""`lab load`: users for a meta cluster of the lab, and a picture of where their workspaces land."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ws_deployment.lab.load import Snapshot

#: What is done with each snapshot.
Show = Callable[["Snapshot"], None]


def command(
    rate: Annotated[float, typer.Option(min=0.01, max=500, help="Starts a second.")] = 5.0,
    duration: Annotated[float | None, typer.Option(min=0, help="Seconds; without it until Ctrl-C.")] = None,
    meta: Annotated[str, typer.Option(help="The lab's meta cluster that users go to.")] = "local-meta",
    lifetime: Annotated[float, typer.Option(min=1, help="Seconds that each workspace runs.")] = 30.0,
    placements: Annotated[bool, typer.Option("--placements", help="Place only; start no Pods.")] = False,
    permission: Annotated[list[str] | None, typer.Option(help="A permission that these users have.")] = None,
    feature_preview: Annotated[
        bool, typer.Option("--feature-preview", help="These users opted in to feature previews.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line a second.")] = False,
) -> None:
    """Start workspaces at a steady rate and show where they land.

    Each becomes a real Pod in the cluster that the meta cluster chooses by score. At the end all of them are stopped.
    """
    from ws_deployment.lab.layout import meta_folder  # noqa: PLC0415  the lab is imported when it is used
    from ws_deployment.lab.load import Load  # noqa: PLC0415  likewise
    from ws_deployment.lab.meta import meta_endpoint  # noqa: PLC0415  likewise

    meta_endpoint(meta)  # says so where there is no such meta cluster
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.TERMINATED))
    with (
        Load(
            meta_folder(meta),
            rate=rate,
            lifetime=lifetime,
            pods=not placements,
            permissions=permission or (),
            feature_preview=feature_preview,
        ) as load,
        _shown(as_json=as_json) as show,
    ):
        for snapshot in load.run(duration):
            show(snapshot)


@contextlib.contextmanager
def _shown(*, as_json: bool) -> Iterator[Show]:
    if as_json:
        yield _print_json
    elif sys.stdout.isatty():
        with _live() as show:
            yield show
    else:
        yield _print_line


def _print_json(snapshot: Snapshot) -> None:
    record = {
        "elapsed": round(snapshot.elapsed, 3),
        "started": snapshot.started,
        "failed": snapshot.failed,
        "recent": snapshot.recent,
        "shares": {name: round(share, 1) for name, share in snapshot.shares.items()},
    }
    print(json.dumps(record | ({"error": snapshot.last_error} if snapshot.last_error else {})), flush=True)


def _print_line(snapshot: Snapshot) -> None:
    shares = "  ".join(f"{name or '(none)'} {share:.0f} %" for name, share in snapshot.shares.items())
    failed = sum(snapshot.failed.values())
    trouble = f"  {failed} failed: {snapshot.last_error}" if failed else ""
    print(f"{snapshot.elapsed:6.0f} s  {sum(snapshot.started.values()):6d} started  {shares}{trouble}", flush=True)


@contextlib.contextmanager
def _live() -> Iterator[Show]:
    from rich.live import Live  # noqa: PLC0415  heavy, and for a terminal alone

    with Live(auto_refresh=False) as live:
        yield lambda snapshot: live.update(_table(snapshot), refresh=True)


def _table(snapshot: Snapshot) -> RenderableType:
    from rich.progress_bar import ProgressBar  # noqa: PLC0415  heavy, and for a terminal alone
    from rich.table import Table  # noqa: PLC0415  likewise

    recent = sum(snapshot.recent.values())
    total = sum(snapshot.started.values())
    table = Table(title=f"{total} workspaces in {snapshot.elapsed:.0f} s", title_justify="left")
    table.add_column("cluster")
    table.add_column(f"share of the last {recent}", width=32)
    table.add_column("%", justify="right")
    table.add_column("started", justify="right")
    table.add_column("failed", justify="right")
    for name in sorted(snapshot.started):
        share = snapshot.shares.get(name, 0.0)
        failed = snapshot.failed.get(name, 0)
        bar = ProgressBar(total=100, completed=share, width=30)
        table.add_row(name or "(no cluster)", bar, f"{share:.0f}", str(snapshot.started[name]), str(failed or ""))
    if snapshot.last_error:
        table.caption = snapshot.last_error
    return table
