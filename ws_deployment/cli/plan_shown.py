"""Prints a plan in the form that the user wants; for `plan`, `show-plan`, `apply` and `run --dry-run`."""

from __future__ import annotations

import enum
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from ws_deployment.engine.deployment import Deployment, Request
    from ws_deployment.engine.outcome import Intent
    from ws_deployment.engine.pipeline import Task
    from ws_deployment.engine.saved_plan import SavedPlan
    from ws_deployment.fleet.clusters import Fleet

    Planned = tuple[tuple[Task, Intent], ...]


class PlanFormat(enum.StrEnum):
    """The forms of a plan."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


Form = Annotated[PlanFormat, typer.Option("--format", help="markdown reads well in a pull request.")]
Full = Annotated[bool, typer.Option("--full", help="Don't cut long listings.")]


def plan(request: Request, run_id: str, saving: Path | None = None) -> tuple[Deployment, Planned]:
    """Plan a request; with `saving` the steps keep there what a later apply needs."""
    from ws_deployment.engine.events import EventBus  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.launch import dry_run  # noqa: PLC0415  loaded when used

    return dry_run(request, EventBus(run_id), run_id, saving)


def show(fleet: Fleet, planned: Planned, unasked: tuple[str, ...], form: PlanFormat, *, full: bool) -> None:
    """Print a plan."""
    from ws_deployment.engine.meta_access import lock_reach  # noqa: PLC0415  loaded when used
    from ws_deployment.output.page import Page  # noqa: PLC0415  loaded when used
    from ws_deployment.output.plan import DIFF_LINES, PlanReport  # noqa: PLC0415  loaded when used
    from ws_deployment.output.plan_markdown import markdown  # noqa: PLC0415  loaded when used

    reach = lock_reach(fleet.meta_clusters)
    report = PlanReport(fleet, planned, unasked, (reach,) if reach else (), None if full else DIFF_LINES)
    if form is PlanFormat.JSON:
        print(json.dumps(report.as_json(), indent=2))
    elif form is PlanFormat.MARKDOWN:
        print(markdown(report, full=full), end="")
    else:
        print(report.write(Page.for_stream(sys.stdout)).text(), end="")


def show_saved(saved: SavedPlan, form: PlanFormat, *, full: bool) -> None:
    """Print a saved plan."""
    from ws_deployment.fleet.resolve import resolve  # noqa: PLC0415  loaded when used

    fleet = resolve(saved.config, saved.cluster_id, only=saved.only, exclude=saved.exclude)
    show(fleet, saved.planned, saved.unasked, form, full=full)
