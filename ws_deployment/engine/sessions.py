"""The state opened by a process that carries runs out: store, leases, journal; and the locks that a run needs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ws_deployment.engine import journal
from ws_deployment.engine.database import told
from ws_deployment.engine.deployment import Deployment
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.manner import Manner, Report
from ws_deployment.engine.meta_access import MetaApi, meta_apis
from ws_deployment.engine.meta_lock import MetaLock, acquire
from ws_deployment.engine.meta_memory import remember_weights
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Run, Store
from ws_deployment.errors import CancelledError, LockedError
from ws_deployment.fleet.clusters import Fleet
from ws_deployment.interfaces import Scope

#: Seconds between two attempts to get what another run holds.
_AGAIN = 0.5


@dataclass
class Session:
    """What a process has open.

    `bodies` are the runs that it carries out, by id. `meta_lock` is what it holds at meta clusters, until the end.
    """

    store: Store
    leases: Leases
    bodies: dict[str, journal.Body] = field(default_factory=dict)
    meta_lock: MetaLock = field(default_factory=MetaLock)

    def lock_metas(self, deployment: Deployment, manner: Manner) -> None:
        """Take the lock at each meta cluster that has an API: runs from other state stores look there."""
        surroundings, fleet = deployment.surroundings, deployment.fleet
        apis = meta_apis(fleet.meta_clusters, surroundings)
        if apis:
            self.meta_lock = acquire(
                apis,
                surroundings.marks or surroundings.run_id,
                fleet.name,
                wait=manner.wait,
                cancelled=manner.cancelled,
                tell=manner.tell,
            )
        remember(deployment, apis)


def remember(deployment: Deployment, apis: Sequence[MetaApi]) -> None:
    """Keep the weights before a run at its meta clusters, where it is one that moves any; the first word stands."""
    moves = any(each.step.scope is not Scope.META or each.step.moves_traffic for each in deployment.request.steps)
    if moves and not deployment.surroundings.marks:
        remember_weights(apis, deployment.fleet, deployment.surroundings)


@contextlib.contextmanager
def opened(state: State) -> Iterator[Session]:
    """Open a state for carrying out runs; made where it does not exist. Leases end with it.

    Raises WsDeploymentError when the state can't be written, as on a full disk: what was journaled stands.
    """
    with told(state, "keeping the run in", "Then go on: `ws-deployment runs resume latest`."):
        store = Store(state)
        leases = Leases(store.engine)
        session = Session(store, leases)
        try:
            with journal.opened(state, leases.holder, lambda run, _attempt: session.bodies[run]):
                yield session
        finally:
            session.meta_lock.release()
            leases.close()
            store.close()


def locks(run: str, fleet: Fleet) -> list[str]:
    """What a run holds while it goes on: itself, its clusters' names, the weights of its meta clusters."""
    clusters = [f"cluster/{cluster.name}" for cluster in fleet.workspace_clusters]
    return [f"run/{run}", *clusters, *(f"weights/{meta.name}" for meta in fleet.meta_clusters)]


def leave_to_workers(session: Session, run: Run, fleet: Fleet) -> Report:
    """Queue the run. It keeps its locks until it has ended, whoever carries it out."""
    session.leases.leave(name for name in locks(run.id, fleet) if not name.startswith("run/"))
    journal.enqueue(run.id, run.attempt)
    return Report(Status.QUEUED)


def patiently(take: Callable[[], None], manner: Manner) -> None:
    """Do `take`, which takes locks; what another holds is waited for, `manner.wait` seconds at most.

    Raises LockedError, and CancelledError when asked to stop.
    """
    end = time.monotonic() + (manner.wait or 0)
    told = ""
    while True:
        try:
            take()
        except LockedError as error:
            if manner.wait is None or time.monotonic() >= end:
                raise
            if (text := f"waiting for {error.on}, {error.why}") != told:
                manner.tell(told := text)
        else:
            return
        if manner.cancelled.wait(_AGAIN):
            raise CancelledError("waiting for", on="the locks", why="asked to stop")
