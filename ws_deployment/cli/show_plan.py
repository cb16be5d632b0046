"""`show-plan`: print a saved plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ws_deployment.cli.options import AsJson
from ws_deployment.cli.plan_shown import Form, Full, PlanFormat, show_saved

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="What `plan --out` wrote.")]


def command(plan: PlanFile, form: Form = PlanFormat.TEXT, as_json: AsJson = False, full: Full = False) -> None:
    """Print a saved plan. It is read, and nothing else."""
    from ws_deployment.engine.saved_plan import SavedPlan  # noqa: PLC0415  loaded when used

    show_saved(SavedPlan.read(plan), PlanFormat.JSON if as_json else form, full=full)
