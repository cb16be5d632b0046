"""The state opened by a process that carries runs out: store, leases, journal; and the locks that a run needs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ws_deployment.engine import journal
from ws_deployment.engine.database import told
from ws_deployment.engine.leases import Leases
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
from ws_deployment.errors import CancelledError, LockedError
from ws_deployment.fleet.clusters import Fleet

#: Seconds between two attempts to get what another run holds.
_AGAIN = 0.5


@dataclass
class Session:
    """What a process has open. `bodies` are the runs that it carries out, by id."""

    store: Store
    leases: Leases
    bodies: dict[str, journal.Body] = field(default_factory=dict)


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
            leases.close()
            store.close()


def locks(run: str, fleet: Fleet) -> list[str]:
    """What a run holds while it goes on: itself, its clusters' names, the weights of its meta clusters."""
    clusters = [f"cluster/{cluster.name}" for cluster in fleet.workspace_clusters]
    return [f"run/{run}", *clusters, *(f"weights/{meta.name}" for meta in fleet.meta_clusters)]


def patiently(
    take: Callable[[], None], wait: float | None, cancelled: threading.Event, tell: Callable[[str], None]
) -> None:
    """Do `take`, which takes locks; what another holds is waited for, `wait` seconds at most (None: not at all).

    Raises LockedError, and CancelledError when asked to stop.
    """
    end = time.monotonic() + (wait or 0)
    told = ""
    while True:
        try:
            take()
        except LockedError as error:
            if wait is None or time.monotonic() >= end:
                raise
            if (text := f"waiting for {error.on}, {error.why}") != told:
                tell(told := text)
        else:
            return
        if cancelled.wait(_AGAIN):
            raise CancelledError("waiting for", on="the locks", why="asked to stop")
