"""The lock at a detached run's meta clusters: all workers that are at the run hold it in common.

Its identity is the run's, not a process's: each worker renews it while it has a part of the run, and the one that
coordinates gives it back at the end. Among the workers of one state `leases` decide.
"""

from __future__ import annotations

import threading

from ws_deployment.engine.deployment import Deployment
from ws_deployment.engine.meta_access import meta_apis
from ws_deployment.engine.meta_lock import MetaLock, acquire
from ws_deployment.engine.sessions import remember
from ws_deployment.errors import CancelledError, TransientError

#: Seconds between two attempts at a meta cluster that does not answer.
_AGAIN = 1.0


class WorkersLock:
    """What the workers at a run hold at its meta clusters. `cancelled` ends every wait."""

    def __init__(self, deployment: Deployment, cancelled: threading.Event) -> None:
        self._deployment = deployment
        self._cancelled = cancelled
        self._apis = meta_apis(deployment.fleet.meta_clusters, deployment.surroundings)
        self._held: MetaLock | None = None
        self._lock = threading.Lock()

    def hold(self) -> bool:
        """Return when it is held, which another run may delay until it ends; False when asked to stop.

        To be asked before each effect: asks no server while it is held. Raises KubeError where the rights are missing.
        """
        while not self._cancelled.is_set():
            with self._lock:
                if self._held and self._held.held():
                    return True
                try:
                    self._take()
                except CancelledError:
                    return False
                except TransientError:
                    pass
                else:
                    return True
            self._cancelled.wait(_AGAIN)
        return False

    def remember_weights(self) -> None:
        """Keep the weights at the meta clusters as they are before the run. The first word of a run stands."""
        while not self._cancelled.is_set():
            try:
                return remember(self._deployment, self._apis)
            except TransientError:
                self._cancelled.wait(_AGAIN)
        return None

    def _take(self) -> None:
        if self._held:
            self._held.leave()
        run = self._deployment.surroundings
        self._held = acquire(
            self._apis,
            run.marks or run.run_id,
            self._deployment.fleet.name,
            identity=f"run {run.run_id} (its workers)",
            wait=float("inf"),
            cancelled=self._cancelled,
        )

    def leave(self, *, ended: bool) -> None:
        """Give it back where the run has `ended`; else leave it to the others, or to end by itself."""
        with self._lock:
            held, self._held = self._held, None
        if held:
            held.release() if ended else held.leave()
