"""`run`: roll out the clusters of a config, or with --dry-run say what would be done."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ws_deployment.cli.config_file import require
from ws_deployment.cli.exit_codes import ExitCode
from ws_deployment.cli.options import AsJson, ConfigPath

if TYPE_CHECKING:
    from ws_deployment.engine.launch import Request


def command(
    config: ConfigPath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    cluster_id: Annotated[int | None, typer.Option(min=1, max=999, help="Id of the clusters; default: drawn.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only clusters of this prefix or name. Repeatable.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="No clusters of this prefix or name. Repeatable.")] = None,
    _yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Roll out the clusters of a config."""
    from ws_deployment.engine.launch import Request  # noqa: PLC0415
    from ws_deployment.engine.pipeline import configure  # noqa: PLC0415
    from ws_deployment.tools.folders import state_path  # noqa: PLC0415

    read, _ = require(config)
    request = Request(
        config=read,
        config_file=config,
        steps=configure(read),
        state=state_path(),
        cluster_id=cluster_id,
        only=tuple(only or ()),
        exclude=tuple(exclude or ()),
    )
    if dry_run:
        _plan(request, as_json=as_json)
    else:
        _carry_out(request, as_json=as_json)


def _plan(request: Request, *, as_json: bool) -> None:
    from ws_deployment.engine.events import EventBus  # noqa: PLC0415
    from ws_deployment.engine.launch import dry_run, new_run_id  # noqa: PLC0415

    run_id = new_run_id()
    deployment, plan = dry_run(request, EventBus(run_id), run_id)
    if as_json:
        print(json.dumps({task.key: intent.as_json() for task, intent in plan}, indent=2))
        return
    for unasked in deployment.unasked:
        print(f"note: {unasked}", file=sys.stderr)
    for task, intent in plan:
        print(task.key, intent.status, intent.plan.summary if intent.plan else intent.reason or intent.problem)
        for check in intent.checks:
            print("    ", check.check, check.decision, check.reason)


def _carry_out(request: Request, *, as_json: bool) -> None:
    from ws_deployment.engine.events import EventBus  # noqa: PLC0415
    from ws_deployment.engine.launch import launch, new_run_id  # noqa: PLC0415

    run_id = new_run_id()
    bus = EventBus(run_id)
    cancelled = threading.Event()
    bus.subscribe(lambda event: print(json.dumps(event.as_json()), file=sys.stdout if as_json else sys.stderr))
    with _signals(cancelled):
        report = launch(request, bus, run_id, cancelled)
    if not report.status.good:
        raise typer.Exit(ExitCode.FAILED)


@contextlib.contextmanager
def _signals(cancelled: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM ask the run to stop; a second Ctrl-C stops at once."""

    def stop(number: int, _frame: object) -> None:
        if cancelled.is_set():
            raise KeyboardInterrupt
        cancelled.set()
        _ = number

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
