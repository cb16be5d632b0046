"""Carries a run out in front of somebody: outputs, signals, summary, exit code. What `run` and `runs` share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ws_deployment.cli.exit_codes import ExitCode, of
from ws_deployment.cli.interruption import Interruption
from ws_deployment.cli.options import detached
from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.output.choose import Format

if TYPE_CHECKING:
    from ws_deployment.config.v1 import ConfigV1
    from ws_deployment.engine.deployment import Request
    from ws_deployment.engine.manner import Manner, Report
    from ws_deployment.output.model import RunView


@dataclass(frozen=True)
class Watching:
    """How the user wants to see it and what ends the command. `wait` is in seconds; None not to wait for locks."""

    form: Format = Format.AUTO
    metrics_textfile: Path | None = None
    wait: float | None = None
    exit_on_wait: bool = False
    new: bool = False
    key: str = ""
    detach: bool = False
    unshared_lock: bool = False


def attended(
    carry: Callable[[Manner], Report], run_id: str, config: ConfigV1, config_file: Path, watching: Watching
) -> ExitCode:
    """Call `carry` and show what comes of it; the code that says so."""
    from ws_deployment.engine.events import EventBus  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.interrupted import (  # noqa: PLC0415  loaded when used
        InterruptedRunError,
        LostLeaseError,
        WaitingRunError,
    )
    from ws_deployment.engine.manner import Manner  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.outcome import Status  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.secrets import read_secret  # noqa: PLC0415  loaded when used
    from ws_deployment.output.choose import Streams, Wishes, outputs_for  # noqa: PLC0415  loaded when used
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.summary import Summary  # noqa: PLC0415  loaded when used

    bus = EventBus(run_id)
    folder = config_file.resolve().parent
    wishes = Wishes(
        notifications=config.notifications,
        secret=lambda reference: read_secret(reference, folder),
        metrics_textfile=watching.metrics_textfile,
        summary=lambda run: Summary(run, _next_steps(run)).as_json(),
    )
    outputs = outputs_for(watching.form, bus, Streams(sys.stdout, sys.stderr), os.environ, wishes)
    error: WsDeploymentError | None = None
    code = ExitCode.FAILED
    try:
        with outputs, Interruption() as interruption:
            manner = Manner(
                bus,
                interruption.asked,
                wait=watching.wait,
                exit_on_wait=watching.exit_on_wait,
                new=watching.new,
                detach=watching.detach,
                key=watching.key,
                unshared_lock=watching.unshared_lock,
            )
            report = carry(manner)
            left = report.status is Status.QUEUED  # to workers, who tell nobody here
            if report.status.good or left:
                code = ExitCode.DONE
            elif report.status is Status.TURNED_BACK:
                code = ExitCode.ROLLED_BACK
    except RefusedError as refused:
        code = of(refused)
        error = None if outputs.run.refusals else refused
    except WsDeploymentError as failed:
        code, error = of(failed), failed
    except WaitingRunError:
        code = ExitCode.WAITING
    except LostLeaseError:
        code = ExitCode.LOCKED
    except InterruptedRunError:
        code = interruption.code if interruption.taken else ExitCode.FAILED
    if watching.form is not Format.JSON and outputs.run.tasks:
        page = Page.for_stream(sys.stdout)
        print(Summary(outputs.run, _next_steps(outputs.run)).write(page).text(), end="")
    if error is not None and (watching.form is Format.JSON or not outputs.run.tasks or not outputs.run.problem):
        print(f"error: {error}", file=sys.stderr)
    return code


def fresh(request: Request, watching: Watching) -> tuple[str, ExitCode]:
    """Begin a run of its own and carry it out, or leave it to workers; its id and the code that says how it went."""
    from ws_deployment.engine.launch import launch, new_run_id  # noqa: PLC0415  loaded when used

    run_id = new_run_id()
    detached(request.state, wanted=watching.detach)
    code = attended(lambda manner: launch(request, manner), run_id, request.config, request.config_file, watching)
    if watching.detach and code is ExitCode.DONE and watching.form is not Format.JSON:
        print(run_id)
    return run_id, code


def finish(code: ExitCode) -> None:
    """End the command with `code`."""
    if code:
        raise typer.Exit(code)


def _next_steps(run: RunView) -> dict[str, str]:
    """Commands to go on with, beside those that every run has."""
    if not any(cluster.type == "local" for cluster in run.clusters):
        return {}
    return {f"watch where starts at {meta} land": f"ws-deployment lab load --meta {meta}" for meta in run.metas}
