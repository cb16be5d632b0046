"""How runs of a store stand at this moment: who is at them, what they wait for, and what is JSON of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ws_deployment.engine import leases
from ws_deployment.engine.events import Event
from ws_deployment.engine.leases import Lease
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.store import Run, Store, Wait, Word
from ws_deployment.output.model import RunView

#: What a person can say to a run.
_WORDS = ("approve", "mark-done")


@dataclass(frozen=True)
class Standing:
    """A run as it stands. `lease` is of the process that is at it; None where none is.

    A detached run is carried out by all workers; the lease is one of theirs. A process of this machine that is surely
    gone counts as none, although its lease has not ended yet.
    """

    run: Run
    lease: Lease | None
    waits: tuple[Wait, ...] = ()

    @property
    def seconds(self) -> float | None:
        """How long it took from its beginning to its end; None for one that has not come to it."""
        return None if self.run.finished is None else max(self.run.finished - self.run.created, 0.0)

    def as_json(self) -> dict[str, Any]:
        """JSON values; documented in docs/runs.md."""
        run = self.run
        return {
            "run": run.id,
            "fleet": run.fleet,
            "environment": run.environment,
            "clusterId": run.cluster_id,
            "kind": run.kind,
            "of": run.of or None,
            "key": run.key,
            "status": run.status,
            "attempt": run.attempt,
            "begun": moment(run.created),
            "finished": None if run.finished is None else moment(run.finished),
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "attended": self.lease is not None,
            "waits": [wait_as_json(wait) for wait in self.waits],
        }


@dataclass(frozen=True)
class Story:
    """All that is kept of one run. `events` are in their documented form, `view` has them folded in.

    `beside` are the other runs of its fleet, the newest first.
    """

    standing: Standing
    events: Sequence[Mapping[str, Any]]
    view: RunView
    words: tuple[Word, ...]
    beside: tuple[Run, ...]

    @property
    def later(self) -> Run | None:
        """The newest run of the fleet that began after it; None for the newest one."""
        newest = self.beside[0] if self.beside else None
        return newest if newest and newest.created > self.standing.run.created else None

    @property
    def undone_by(self) -> Run | None:
        """The latest rollback of it."""
        return next((run for run in self.beside if run.of == self.standing.run.id), None)


def standings(store: Store, runs: Sequence[Run]) -> list[Standing]:
    """How each of the runs stands."""
    unfinished = [run for run in runs if run.finished is None]
    held = leases.held(store.engine) if unfinished else []
    live = [lease for lease in held if lease.live and not leases.gone(lease.pid, lease.process)]
    at_it = {lease.run: lease for lease in live if lease.name == f"run/{lease.run}"}
    worker = next((lease for lease in live if lease.name.startswith("worker/")), None)
    waits = store.waits() if unfinished else []
    found = []
    for run in runs:
        lease = (worker if run.detached else at_it.get(run.id)) if run.finished is None else None
        own = tuple(wait for wait in waits if wait.run == run.id)
        found.append(Standing(_without_holder(run) if lease is None else run, lease, own))
    return found


def story(store: Store, name: str) -> Story:
    """All that is kept of the run of that name. Raises UsageError where there is none."""
    run = store.find(name)
    (standing,) = standings(store, [run])
    events = store.events(run.id)
    view = RunView(run=run.id, fleet=run.fleet, environment=run.environment, cluster_id=run.cluster_id)
    at = run.created
    for each in events:
        event = Event.from_json(each)
        view.take(event)
        at = event.at
    if standing.lease is None:
        view.leave(standing.run.status, at)
    else:
        view.status = standing.run.status
    view.seconds = standing.seconds
    words = sorted((word for kind in _WORDS for word in store.words(run.id, kind)), key=lambda word: word.at)
    beside = tuple(other for other in store.runs(fleet=run.fleet) if other.id != run.id)
    return Story(standing, events, view, tuple(words), beside)


def moment(at: float) -> str:
    """RFC 3339 of seconds since the epoch, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def wait_as_json(wait: Wait) -> dict[str, Any]:
    """JSON values of what a task waits for."""
    until = None if wait.until is None else moment(wait.until)
    return {
        "task": wait.task,
        "name": wait.subtask,
        "text": wait.text,
        "since": moment(wait.since),
        "until": until,
    }


def _without_holder(run: Run) -> Run:
    if run.finished is not None or run.status not in {Status.RUNNING, Status.PAUSED}:
        return run
    return replace(run, status=Status.QUEUED if run.detached else Status.INTERRUPTED)
