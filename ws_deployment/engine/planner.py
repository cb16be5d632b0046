"""Asks every task of a run what it would do, changing nothing: the dry run, and the checks before a real one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from ws_deployment.engine.context import RunSurroundings, TaskContext
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.limits import Limited
from ws_deployment.engine.outcome import Checked, Intent, Problem, Status
from ws_deployment.engine.phases import Phases
from ws_deployment.engine.pipeline import ConfiguredStep, Segment, Task
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.interfaces import Decision

_T = TypeVar("_T")


class Planner:
    """Reads the world for all tasks, the segments in parallel. Nobody is told of events: nothing happens."""

    def __init__(
        self,
        surroundings: RunSurroundings,
        fleet: Fleet,
        configured: Callable[[Task], ConfiguredStep],
        segments: Iterable[Segment],
    ) -> None:
        self._run = surroundings
        self._fleet = fleet
        self._configured = configured
        self._segments = tuple(segments)

    def plan(self) -> tuple[tuple[Task, Intent], ...]:
        """What each task would do, in the order of the pipeline's graph."""
        return self._each(Phases.intend)

    def refusals(self) -> tuple[tuple[Task, Checked], ...]:
        """The checks that refuse, of all tasks."""
        return tuple(
            (task, check)
            for task, checks in self._each(Phases.check)
            for check in checks
            if check.decision == Decision.REFUSE
        )

    def refused_first(self) -> tuple[tuple[Task, Problem], ...]:
        """The refusals of tasks that come after no other: what the later ones find, the first ones change."""
        first = tuple(replace(segment, tasks=segment.tasks[:1]) for segment in self._segments if not segment.after)
        planner = Planner(self._run, self._fleet, self._configured, first)
        return tuple(
            (task, intent.problem)
            for task, intent in planner.plan()
            if intent.status is Status.REFUSED and intent.problem
        )

    def _each(self, ask: Callable[[Phases], _T]) -> tuple[tuple[Task, _T], ...]:
        def of_segment(segment: Segment) -> list[tuple[Task, _T]]:
            with contextlib.closing(Limited()) as limited:
                return [(task, ask(self._phases(task, limited))) for task in segment.tasks]

        with ThreadPoolExecutor(max_workers=self._run.config.defaults.parallelism) as pool:
            return tuple(pair for pairs in pool.map(of_segment, self._segments) for pair in pairs)

    def _phases(self, task: Task, limited: Limited) -> Phases:
        context = TaskContext(self._run, self._fleet, task, {})
        return Phases(task, self._configured(task), context, EventBus(self._run.run_id), limited)
