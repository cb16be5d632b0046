"""Rebuilds a run whose state store is lost: from the marks on what it made, and from what its steps find to hold.

Each task whose verification holds counts as done, with the plan and outputs that its step knows now; the rest is left
to a resume. Weights of before the run are not in any mark: `traffic restore` has them from the meta cluster.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ws_deployment.engine.context import TaskContext
from ws_deployment.engine.deployment import Deployment, Request, concrete, surroundings_of
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.limits import Limited
from ws_deployment.engine.outcome import Intent, Outcome, Status
from ws_deployment.engine.phases import Phases
from ws_deployment.engine.pipeline import Task
from ws_deployment.engine.store import Run, Store
from ws_deployment.engine.survey import Survey, cluster_of, survey
from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.interfaces import NotYetError, Outputs, Scope, StepPlan


def recover(request: Request, run_id: str, tell: Callable[[str], None]) -> tuple[Run, dict[str, Status]]:
    """Put the run `run_id` into the state anew, interrupted, and say which of its tasks count as done.

    Raises RefusedError where the state has it or nothing bears its mark, UsageError where the config does not fit.
    """
    store = Store(request.state)
    try:
        if any(run.id == run_id for run in store.runs()):
            raise RefusedError(
                "recovering", on=f"run {run_id}", why="the state has it", remedy=f"ws-deployment runs show {run_id}"
            )
        surroundings = surroundings_of(request, EventBus(run_id), run_id, dry_run=True)
        found = survey(request.config, surroundings, request.state)
        request = replace(request, cluster_id=_cluster_id(request, found, run_id))
        deployment = concrete(request, surroundings, frozenset())
        held = _held(deployment, tell)
        run = Run.begun(run_id, deployment.fleet)
        record = {**deployment.record(), "attempts": {"1": {"kept": held.outcomes}}, "recovered": held.entries}
        store.begin(run, record)
        store.update(run_id, status=str(Status.INTERRUPTED))
        return run, {
            task.key: Status.DONE if task.key in held.outcomes else Status.WAITING for task in deployment.tasks
        }
    finally:
        store.close()


class _Held:
    """What was found to hold: outcomes by task, and the journal's entries that a rollback reads."""

    def __init__(self) -> None:
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.entries: dict[str, dict[str, Any]] = {}


def _held(deployment: Deployment, tell: Callable[[str], None]) -> _Held:
    held = _Held()
    outputs: dict[str, Outputs] = {}
    for segment in deployment.segments:
        with contextlib.closing(Limited()) as limited:
            for task in segment.tasks:
                context = TaskContext(deployment.surroundings, deployment.fleet, task, outputs)
                configured = deployment.configured(task)
                phases = Phases(task, configured, context, deployment.surroundings.bus, limited)
                outcome = phases.confirm()
                tell(f"{task.key}: {'holds' if outcome.status.good else f'is left to do: {outcome.problem}'}")
                if not outcome.status.good:
                    break
                plan = _plan(task, phases)
                held.outcomes[task.key] = replace(outcome, reason="found to hold when the run was recovered").as_json()
                held.entries[f"{task.key}/intent"] = Intent(Status.RUNNING, plan=plan).as_json()
                for subtask in plan.subtasks:
                    held.entries[f"{task.key}/{subtask.name}"] = Outcome(Status.DONE).as_json()
    return held


def _plan(task: Task, phases: Phases) -> StepPlan:
    """What the step would plan now, for its rollback; a shift's weights of before are not known any more."""
    if task.scope is not Scope.CLUSTER:
        return StepPlan("recovered", subtasks=())
    try:
        return phases.configured.step.plan(phases.context)
    except NotYetError as error:
        return StepPlan(f"recovered: {error.why}")


def _cluster_id(request: Request, found: Survey, run_id: str) -> int:
    """The id of the clusters that bear the run's mark."""
    behind = [row.behind for row in found.rows if row.behind] + [each for each, _ in found.unregistered]
    marked = [each.short_name for each in behind if each.run == run_id]
    ids = {known[0] for name in marked if (known := cluster_of(request.config, name))}
    if request.cluster_id is not None:
        ids = {request.cluster_id}
    if not ids:
        marks = ", ".join(sorted({each.run for each in behind if each.run})) or "none"
        raise RefusedError(
            "recovering",
            on=f"run {run_id}",
            why=f"nothing that can be seen bears its mark; marks seen: {marks}",
            remedy="Name the id of its clusters by --cluster-id.",
        )
    if len(ids) > 1:
        raise UsageError(
            "recovering",
            on=f"run {run_id}",
            why=f"its mark is on clusters of the ids {', '.join(map(str, sorted(ids)))}",
            remedy="Name one by --cluster-id.",
        )
    return ids.pop()
