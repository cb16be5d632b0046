"""A lock between machines: a Kubernetes Lease at an API server that all of them reach.

No two clocks are compared. A newcomer takes over what it has seen unchanged for the lease's whole duration, by its own
clock; a holder trusts its lease for less than that, counted from before its last write. So they overlap only where a
clock runs a fifth faster than another. Every write names the version that it is based on: of two, one wins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ws_deployment.errors import CancelledError, WsDeploymentError
from ws_deployment.tools.clock import clock
from ws_deployment.tools.process import Cancelled

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube, Object

API_VERSION, KIND = "coordination.k8s.io/v1", "Lease"
#: Part of the duration for which a holder trusts its lease after a write.
_TRUST = 0.8
#: Writes that may meet somebody else's change of the same object (a label, say) before it is an error.
_WRITES = 5
#: Looks within a duration while another holds it.
_LOOKS = 10


@dataclass(frozen=True)
class Holder:
    """Who holds a lease: `since` and `renewed` are as the holder's clock had it (ISO 8601, UTC)."""

    identity: str
    since: str
    renewed: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class LeaseHeldError(WsDeploymentError):
    """Another holds the lease, and is alive: it was seen renewing it."""

    def __init__(self, name: str, holder: Holder) -> None:
        self.holder = holder
        why = f"{holder.identity} holds it since {holder.since}"
        super().__init__("taking the lease", on=name, why=why, remedy="Wait until it is released.")

    def __reduce__(self) -> tuple[object, ...]:
        return (LeaseHeldError, (self.on, self.holder))


class LeaseLostError(WsDeploymentError):
    """The lease is another's now, or gone."""


class KubeLease:
    """The Lease `name` in `namespace`, as `identity` wants it: one that nobody else ever bears.

    `duration` is in whole seconds. `labels` and `annotations` are put on it. `dead` says of a holder that it has surely
    ended: then nobody has to watch it. Calls raise what `Kube` raises, too. One thread at a time may acquire, renew or
    release; `held` is for all.
    """

    def __init__(
        self,
        kube: Kube,
        name: str,
        namespace: str,
        *,
        identity: str,
        duration: int = 15,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        dead: Callable[[Holder], bool] = lambda _holder: False,
        clock: Callable[[], float] = clock,
    ) -> None:
        self.duration = duration
        self._kube, self._name, self._namespace = kube, name, namespace
        self._identity, self._clock, self._dead = identity, clock, dead
        self._marks = {"labels": dict(labels or {}), "annotations": dict(annotations or {})}
        self._trusted_until = float("-inf")
        self._ours: Object | None = None
        #: What another's lease looked like, and since when it has.
        self._seen: tuple[tuple[Any, ...], float] | None = None

    def holder(self) -> Holder | None:
        """Who holds it at the moment, alive or not; None where it is free."""
        found = self._read()
        return _holder(found) if found else None

    def held(self) -> bool:
        """Whether nobody else can have it: to be asked right before each effect."""
        return self._clock() < self._trusted_until

    def acquire(
        self,
        *,
        wait: float = 0.0,
        cancelled: Cancelled | None = None,
        on_wait: Callable[[Holder], None] = lambda _holder: None,
    ) -> None:
        """Take it: at once where it is free; where its holder has died, after its duration.

        Another that is alive is waited for, `wait` seconds; `on_wait` is told once of each holder that has to be
        waited for. Raises LeaseHeldError, CancelledError.
        """
        end = self._clock() + wait
        told = first = ""
        while (holder := self.try_acquire()) is not None:
            if holder.identity != told:
                first, told = holder.renewed, holder.identity
                on_wait(holder)
            # One that was renewed before our eyes is alive. Who has never been seen to renew may be dead.
            if holder.renewed != first and self._clock() >= end:
                raise LeaseHeldError(self._name, holder)
            if cancelled and cancelled.is_set():
                why = f"asked to stop while {holder.identity} holds it"
                raise CancelledError("waiting for the lease", on=self._name, why=why)
            time.sleep(min(self.duration / _LOOKS, 1.0))

    def try_acquire(self) -> Holder | None:
        """Take it if that is possible now, and return None; else return who is in the way."""
        from ws_deployment.clients.kube_errors import ConflictKubeError  # noqa: PLC0415  the library behind it is heavy

        began = self._clock()
        found = self._read()
        holder = _holder(found) if found else None
        if (
            found
            and holder
            and holder.identity != self._identity
            and not self._expired(found)
            and not self._dead(holder)
        ):
            return holder
        try:
            if found is None:
                self._keep(self._kube.create(self._document()), began)
            elif holder and holder.identity == self._identity:
                self._keep(self._kube.replace(self._renewed(found)), began)
            else:
                self._keep(self._kube.replace(self._taken(found)), began)
        except ConflictKubeError:
            # Somebody was quicker. Who it is, the next look tells.
            return _holder(self._read() or {}) or Holder("another", "", "", {}, {})
        return None

    def renew(self) -> None:
        """Hold it for another duration. Raises LeaseLostError where it is another's now, or gone."""
        from ws_deployment.clients.kube_errors import ConflictKubeError, KubeError  # noqa: PLC0415  likewise

        for _ in range(_WRITES):
            if self._ours is None:
                break
            began = self._clock()
            try:
                self._keep(self._kube.replace(self._renewed(self._ours)), began)
            except ConflictKubeError:
                self._ours = self._still_ours()
            except KubeError:
                # Told of one that is gone, and of what the next attempt would be told again.
                if self._still_ours():
                    raise
                self._ours = None
            else:
                return
        raise self._lost()

    def release(self) -> None:
        """Let it go, for the next one to take at once. One that was lost is left to its holder."""
        from ws_deployment.clients.kube_errors import ConflictKubeError  # noqa: PLC0415  likewise

        self._trusted_until = float("-inf")
        for _ in range(_WRITES):
            if self._ours is None:
                return
            freed = {**self._ours["spec"], "holderIdentity": "", "renewTime": _now()}
            try:
                self._kube.replace({**self._ours, "spec": freed})
            except ConflictKubeError:
                self._ours = self._still_ours()
            else:
                self._ours = None

    def _read(self) -> Object | None:
        return self._kube.get(API_VERSION, KIND, self._name, self._namespace)

    def _still_ours(self) -> Object | None:
        found = self._read()
        return found if found and found["spec"].get("holderIdentity") == self._identity else None

    def _lost(self) -> LeaseLostError:
        self._trusted_until, self._ours = float("-inf"), None
        holder = self.holder()
        why = f"{holder.identity} holds it since {holder.since}" if holder else "it was released or removed"
        return LeaseLostError("renewing the lease", on=self._name, why=why)

    def _expired(self, found: Object) -> bool:
        """Whether another's lease has not changed for its whole duration while we looked."""
        spec = found["spec"]
        looks = (spec.get("holderIdentity"), spec.get("renewTime"), spec.get("leaseTransitions"))
        if self._seen is None or self._seen[0] != looks:
            self._seen = (looks, self._clock())
        return self._clock() - self._seen[1] > (spec.get("leaseDurationSeconds") or self.duration)

    def _keep(self, written: Object, began: float) -> None:
        self._ours, self._seen = written, None
        self._trusted_until = began + self.duration * _TRUST

    def _document(self) -> Object:
        metadata = {"name": self._name, "namespace": self._namespace, **self._marks}
        return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": self._spec(0)}

    def _taken(self, found: Object) -> Object:
        metadata = {**found["metadata"]}
        for part, marks in self._marks.items():
            metadata[part] = {**metadata.get(part, {}), **marks}
        return {**found, "metadata": metadata, "spec": self._spec(found["spec"].get("leaseTransitions", 0) + 1)}

    def _renewed(self, found: Object) -> Object:
        return {**found, "spec": {**found["spec"], "renewTime": _now(), "leaseDurationSeconds": self.duration}}

    def _spec(self, transitions: int) -> Object:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self.duration,
            "acquireTime": (now := _now()),
            "renewTime": now,
            "leaseTransitions": transitions,
        }


def _holder(found: Mapping[str, Any]) -> Holder | None:
    spec = found.get("spec", {})
    if not spec.get("holderIdentity"):
        return None
    since, renewed, metadata = spec.get("acquireTime", ""), spec.get("renewTime", ""), found["metadata"]
    return Holder(spec["holderIdentity"], since, renewed, metadata.get("labels", {}), metadata.get("annotations", {}))


def _now() -> str:
    """A MicroTime, as the API writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
