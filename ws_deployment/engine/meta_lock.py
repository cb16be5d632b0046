"""The lock that holds whatever state store a run uses: a Lease at each of its meta clusters.

It guards the weights of a meta cluster, so fleets that share one share its Lease. `leases` guards within one store.
"""

from __future__ import annotations

import getpass
import math
import os
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ws_deployment.engine.meta_access import MetaApi
from ws_deployment.errors import LockedError, TransientError, WsDeploymentError
from ws_deployment.fleet.marks import RUN, marks
from ws_deployment.tools.clock import clock
from ws_deployment.tools.process import Cancelled

if TYPE_CHECKING:
    from ws_deployment.clients.kube_lease import Holder, KubeLease

#: Name of the Lease in the meta cluster's namespace.
NAME = "ws-deployment"
#: Annotations by which a process of the same machine knows whether the holder has ended.
_PROCESS, _PID = f"{NAME}.dev/process", f"{NAME}.dev/pid"
#: Seconds after which another takes over what a dead holder has left; a dead holder is found out by watching so long.
DURATION = 15
#: Renewals in a duration.
_BEATS = 5


class MetaLock:
    """What a run holds at its meta clusters, renewed by a thread of its own until released. Made by `acquire`.

    As a context manager it is released at the end.
    """

    def __init__(self) -> None:
        self._leases: dict[str, KubeLease] = {}
        self._lost: dict[str, str] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="meta-lock", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def add(self, meta: str, lease: KubeLease) -> None:
        """Renew a lease that was taken at `meta` from now on."""
        self._leases = {**self._leases, meta: lease}
        if not self._thread.is_alive():
            self._thread.start()

    def held(self) -> bool:
        """Whether nobody else can hold any of it: to be asked before each effect. Asks no server."""
        return all(lease.held() for lease in self._leases.values())

    def lost(self) -> tuple[str, ...]:
        """For each meta cluster whose lock is not held, why, as far as it is known."""
        return tuple(
            f"{meta}: {self._lost.get(meta) or 'it could not be renewed in time'}"
            for meta, lease in self._leases.items()
            if not lease.held()
        )

    def leave(self) -> None:
        """Renew it no more: it ends by itself, unless somebody of the same identity goes on renewing it."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def release(self) -> None:
        """Give it back. What can't be given back ends by itself."""
        self.leave()
        for lease in self._leases.values():
            try:
                lease.release()
            except WsDeploymentError:
                continue  # it ends by itself

    def _renew(self) -> None:
        while not self._closing.wait(DURATION / _BEATS):
            for meta, lease in self._leases.items():
                if meta in self._lost:
                    continue
                try:
                    lease.renew()
                except TransientError:
                    continue  # the next beat tries again; `held` says when it has become too late
                except WsDeploymentError as error:
                    self._lost[meta] = error.why


def acquire(
    apis: Sequence[MetaApi],
    run_id: str,
    fleet: str,
    *,
    identity: str = "",
    wait: float | None = None,
    cancelled: Cancelled | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> MetaLock:
    """Take the lock at all of these meta clusters, or at none; as this process, or as whoever `identity` names.

    A living holder is waited for, `wait` seconds (None: not at all). A dead one loses it at once where it was a
    process of this machine, else after `DURATION` seconds of watching.
    `tell` is told what is waited for. Raises LockedError naming who holds it since when, CancelledError, KubeError
    where the rights are missing, TransientKubeError.
    """
    from ws_deployment.clients.kube_lease import KubeLease, LeaseHeldError  # noqa: PLC0415  loaded when used

    process = {} if identity else _process()
    if not identity:
        identity = f"run {run_id} ({_user()} on {socket.gethostname()}, process {os.getpid()}, {uuid.uuid4().hex[:8]})"
    end = clock() + (wait or 0.0)
    lock = MetaLock()
    try:
        # Always in one order: two who want the same two never wait for each other.
        for api in sorted(apis, key=lambda api: api.meta):
            lease = KubeLease(
                api.kube,
                NAME,
                api.namespace,
                identity=identity,
                duration=DURATION,
                dead=_gone,
                annotations={_PROCESS: "", _PID: "", **process},
                labels={"app.kubernetes.io/managed-by": NAME, **marks(run_id, fleet)},
            )
            try:
                lease.acquire(
                    wait=end - clock() if end < math.inf else end,
                    cancelled=cancelled,
                    on_wait=lambda holder, meta=api.meta: tell(  # type: ignore[misc]  # mypy infers no default's type
                        f"the lock at {meta} is held by {_told(holder)}; seeing whether it is alive"
                    ),
                )
            except LeaseHeldError as error:
                raise _locked(api.meta, error.holder) from error
            lock.add(api.meta, lease)
    except BaseException:
        lock.release()
        raise
    return lock


def holder(api: MetaApi) -> Holder | None:
    """Who holds the lock of a meta cluster, alive or not."""
    from ws_deployment.clients.kube_lease import KubeLease  # noqa: PLC0415  loaded when used

    return KubeLease(api.kube, NAME, api.namespace, identity="").holder()


def _locked(meta: str, holder: Holder) -> LockedError:
    run = holder.labels.get(RUN, "")
    return LockedError(
        "locking",
        on=f"the weights of {meta}",
        why=f"held by {_told(holder)}",
        remedy=f"Wait for it with --wait. Where its state is: `ws-deployment runs show {run}`; a process that was "
        f"killed loses it within {DURATION} s.",
    )


def _process() -> dict[str, str]:
    from ws_deployment.engine.leases import process_mark  # noqa: PLC0415  SQLAlchemy is heavy

    return {_PROCESS: process_mark(), _PID: str(os.getpid())}


def _gone(holder: Holder) -> bool:
    """Whether the holder was a process of this machine that has surely ended: then there is nothing to wait for."""
    from ws_deployment.engine.leases import gone  # noqa: PLC0415  as above

    pid = holder.annotations.get(_PID, "")
    return pid.isdigit() and gone(int(pid), holder.annotations.get(_PROCESS, ""))


def _told(holder: Holder) -> str:
    return f"{holder.identity} since {holder.since[:19].replace('T', ' ')} UTC"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
