"""Carries out an attempt of a run: which segment goes when, what each task's phases came to, how failures spread.

It is the journal's body: everything it decides by is either journaled or follows from what is.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from ws_deployment.engine import journal
from ws_deployment.engine.attempt import Attempt, Teller
from ws_deployment.engine.carrier import Carrier
from ws_deployment.engine.context import RunSurroundings
from ws_deployment.engine.control import Control
from ws_deployment.engine.deployment import Deployment
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.limits import Limited
from ws_deployment.engine.outcome import Outcome, Status
from ws_deployment.engine.pipeline import Segment, Task
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.fleet.waves import members
from ws_deployment.interfaces import Outputs, Scope

#: Seconds between two looks at whether the run was asked to stop.
_LOOK = 0.25


class Runner:
    """One attempt of a run, from its first segment to its last.

    With `workers` its segments are left to them; without, they are carried out here.
    """

    def __init__(self, deployment: Deployment, control: Control, attempt: Attempt, *, workers: bool = False) -> None:
        self._run: RunSurroundings = deployment.surroundings
        self._fleet = deployment.fleet
        self._segments = {segment.name: segment for segment in deployment.segments}
        self._tasks = {task.key: task for segment in deployment.segments for task in segment.tasks}
        self._control = control
        self._attempt = attempt
        self._workers = workers
        self._outcomes: dict[str, Outcome] = dict(attempt.kept)
        self._teller = Teller(self._run.bus, attempt)
        self._carrier = Carrier(deployment, control, attempt, self._teller)
        self._lock = threading.Lock()
        self._under_way = 0
        self._all_ended = threading.Event()
        self._all_ended.set()

    def coordinate(self) -> journal.Json:
        """Start each segment when all that it depends on is finished; the outcome of each task by its key.

        At most `defaults.parallelism` of them are under way.
        """
        most = self._run.config.defaults.parallelism
        waiting = {name: segment for name, segment in self._segments.items() if not self._is_kept(segment)}
        running: dict[str, Callable[[], journal.Json]] = {}
        finished: queue.SimpleQueue[str] = queue.SimpleQueue()
        while waiting or running:
            for segment in self._ready(waiting, running):
                if blocked := self._blocked(segment):
                    del waiting[segment.name]
                    self._block(segment, blocked)
                elif len(running) < most and self._has_room(segment.wave, running):
                    del waiting[segment.name]
                    running[segment.name] = self._start(segment, finished)
            if running:
                self._keep(running.pop(self._next(finished, running))())
        return {key: outcome.as_json() for key, outcome in self._outcomes.items()}

    def segment(self, name: str, facts: journal.Json) -> journal.Json:
        """Carry out the tasks of a segment one after the other; their outcomes by key."""
        with self._counted(), contextlib.closing(Limited()) as limited:
            return limited.call(journal.replayed(lambda: self._segment(self._segments[name], facts, limited)))

    def _segment(self, segment: Segment, facts: journal.Json, limited: Limited) -> journal.Json:
        failed = frozenset(facts["failed"])
        fleet = self._fleet if segment.scope is Scope.CLUSTER else _without(self._fleet, failed)
        outputs: dict[str, Outputs] = dict(facts["outputs"])
        outcomes: dict[str, Outcome] = {}
        for task in segment.tasks:
            outcome = self._attempt.kept.get(task.key) or self._carrier.carry_out(task, fleet, outputs, limited)
            outputs[task.key] = outcome.outputs
            outcomes[task.key] = outcome
            if not outcome.status.good:
                break
        return {key: outcome.as_json() for key, outcome in outcomes.items()}

    def were_told(self, tasks: Iterable[str]) -> None:
        """Tell the ends of these tasks no more: others have."""
        self._teller.were_told(tasks)

    def tell_ends(self, outcomes: Mapping[str, Outcome]) -> None:
        """Tell how tasks ended that are journaled, but that nobody was told of: a kill came between."""
        for key, outcome in outcomes.items():
            if key not in self._attempt.kept or self._attempt.number == 1:  # a first attempt's were recovered
                self._teller.ends(self._tasks[key], outcome)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """Know whether segments are under way in this process: one that is asked to stop waits for them."""
        with self._lock:
            self._under_way += 1
            self._all_ended.clear()
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way:
                    self._all_ended.set()

    # -- between the segments ------------------------------------------------------------------------------------

    def _start(self, segment: Segment, finished: queue.SimpleQueue[str]) -> Callable[[], journal.Json]:
        run, number, facts = self._run.run_id, self._attempt.number, self._facts(segment)
        result = journal.start_segment(run, number, segment.name, facts, enqueue=self._workers)
        threading.Thread(target=_notify, args=(segment.name, result, finished), daemon=True).start()
        return result

    def _next(self, finished: queue.SimpleQueue[str], running: Mapping[str, object]) -> str:
        """Name of the segment that ended next; journaled, so that a replay takes them in the same order.

        After a replay `finished` still has those that the journal named: only what is still `running` counts.
        """

        def wait() -> journal.Json:
            self._control.running(len(running))
            while True:
                with contextlib.suppress(queue.Empty):
                    name = finished.get(timeout=_LOOK)
                    if name in running and not self._run.cancelled.is_set():
                        self._control.running(None)
                        return {"segment": name}
                if self._run.cancelled.is_set():
                    self._all_ended.wait()
                    raise InterruptedRunError(self._run.run_id)

        return str(journal.once("next", wait)["segment"])

    def _has_room(self, wave: int, running: Iterable[str]) -> bool:
        """Whether a further segment of a wave may be under way."""
        if not wave:
            return True
        at_most = members(self._run.config.waves, self._fleet)[wave - 1][0].at_most
        return at_most is None or sum(self._segments[name].wave == wave for name in running) < at_most

    def _is_kept(self, segment: Segment) -> bool:
        return all(task.key in self._attempt.kept for task in segment.tasks)

    def _ready(self, waiting: Mapping[str, Segment], running: Mapping[str, object]) -> list[Segment]:
        unfinished = waiting.keys() | running.keys()
        return [segment for segment in waiting.values() if unfinished.isdisjoint(segment.after)]

    def _failed_clusters(self) -> frozenset[str]:
        bad = (key for key, outcome in self._outcomes.items() if not outcome.status.good)
        return frozenset(name for key in bad for name in self._tasks[key].clusters)

    def _blocked(self, segment: Segment) -> str:
        """Why the segment can't go on; empty where it can.

        A failed cluster ends its own tasks. For what clusters have in common the config's `onFailure` decides:
        `continue` goes on with those that are left.
        """
        failed = self._failed_clusters() & set(segment.clusters)
        left = set(segment.clusters) - failed
        goes_on = self._run.config.defaults.on_failure == "continue" and segment.scope is not Scope.CLUSTER
        if not failed or (left and goes_on):
            return ""
        bad = {key: outcome for key, outcome in self._outcomes.items() if failed & set(self._tasks[key].clusters)}
        culprits = [f"{key} {outcome.status}" for key, outcome in bad.items() if outcome.status.at_fault]
        # What a wave that failed keeps from beginning has no culprit of its own.
        kept_back = [outcome.reason for outcome in bad.values() if outcome.status is Status.BLOCKED]
        return ", ".join(culprits or kept_back)

    def _block(self, segment: Segment, reason: str) -> None:
        for task in segment.tasks:
            self._finish(task, Outcome(Status.BLOCKED, reason=reason))

    def _keep(self, outcomes: journal.Json) -> None:
        """Take in a finished segment; tasks that it did not come to are blocked by the one it ended with."""
        known = {key: Outcome.from_json(outcome) for key, outcome in outcomes.items()}
        self._outcomes |= known
        if not self._workers:
            self.tell_ends(known)
        last = next(reversed(known))
        segment = next(s for s in self._segments.values() if any(task.key == last for task in s.tasks))
        for task in segment.tasks:
            if task.key not in known:
                self._finish(task, Outcome(Status.BLOCKED, reason=f"{last} {known[last].status}"))

    def _finish(self, task: Task, outcome: Outcome) -> None:
        self._outcomes[task.key] = outcome
        self._teller.ends(task, outcome)

    def _facts(self, segment: Segment) -> journal.Json:
        """What the segment must know of those before it: failed clusters, and outputs of its clusters' tasks."""
        own = set(segment.clusters)
        return {
            "failed": sorted(self._failed_clusters() & own),
            "outputs": {
                key: dict(outcome.outputs)
                for key, outcome in self._outcomes.items()
                if outcome.outputs and own & set(self._tasks[key].clusters)
            },
        }


def _notify(name: str, result: Callable[[], journal.Json], finished: queue.SimpleQueue[str]) -> None:
    """Put the segment's name into `finished` when it has ended, however it ended."""
    with contextlib.suppress(BaseException):
        result()
    finished.put(name)


def _without(fleet: Fleet, failed: frozenset[str]) -> Fleet:
    left = tuple(cluster for cluster in fleet.workspace_clusters if cluster.short_name not in failed)
    return replace(fleet, workspace_clusters=left)
