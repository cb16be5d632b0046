"""Holds a saved plan against the world before anything is done of it, and keeps its files with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ws_deployment.engine.context import RunSurroundings
from ws_deployment.engine.deployment import Deployment, surroundings_of
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.planner import Planner
from ws_deployment.engine.saved_plan import SavedPlan, keep_files
from ws_deployment.engine.staleness import AGAIN, stale, stale_plan
from ws_deployment.errors import StalePlanError, UsageError

if TYPE_CHECKING:
    from ws_deployment.engine.store import Store


def refuse_applied(store: Store, plan: SavedPlan) -> None:
    """Raise StalePlanError where the plan's run has begun before: a plan is applied once."""
    try:
        run = store.find(plan.run)
    except UsageError:
        return
    if run.id != plan.run:
        return
    remedy = AGAIN if run.finished else f"Go on with it: `ws-deployment runs resume {run.id}`."
    why = f"it was applied already, by run {run.id}, which is {run.status}"
    raise StalePlanError("applying the saved plan to", on=run.fleet, why=why, remedy=remedy)


def refuse_stale(deployment: Deployment, plan: SavedPlan) -> None:
    """Raise StalePlanError, with all that differs, where planning now comes to something else."""
    request, given = deployment.request, deployment.surroundings
    again = surroundings_of(request, EventBus(given.run_id), given.run_id, dry_run=True)
    again.cancelled = given.cancelled
    fresh = Planner(again, deployment.fleet, deployment.configured, deployment.segments).plan()
    if found := stale(plan.intents, {task.key: intent for task, intent in fresh}):
        raise stale_plan(deployment.fleet.name, found)


def keep(deployment: Deployment, plan: SavedPlan) -> None:
    """Have the run carry out files of its own: a resume finds them when the plan's are gone."""
    surroundings: RunSurroundings = deployment.surroundings
    surroundings.saved = keep_files(plan, surroundings.plan_folder())
