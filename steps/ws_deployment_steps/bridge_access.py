"""Comes to a meta cluster's bridge as the config says: by its address, or by a port-forward through its cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ws_deployment.interfaces import Bridge, MetaCluster, NotYetError, Registration, StepContext

if TYPE_CHECKING:
    from ws_deployment.clients.bridge.client import BridgeClient
    from ws_deployment.clients.bridge.model import ClusterStatus, TlsFiles
    from ws_deployment.clients.port_forward import Target

_REMEDY = "Add `bridge: {address: HOST:PORT}` or `bridge: {kubernetes: {context: …}}` to the meta cluster."


@contextlib.contextmanager
def connected(context: StepContext, meta: MetaCluster) -> Iterator[BridgeClient]:
    """A client of the bridge of `meta`. Raises NotYetError where the bridge is not known, else what the client does."""
    from ws_deployment.clients.bridge.client import BridgeClient  # noqa: PLC0415  heavy

    bridge = context.bridge(meta)
    if bridge.address:
        with BridgeClient(bridge.address, bridge.api, tls=_tls(context, bridge)) as client:
            yield client
    else:
        with _forwarded(context, meta, bridge) as client:
            yield client


@contextlib.contextmanager
def _forwarded(context: StepContext, meta: MetaCluster, bridge: Bridge) -> Iterator[BridgeClient]:
    from ws_deployment.clients.bridge.client import BridgeClient  # noqa: PLC0415  heavy
    from ws_deployment.clients.bridge.errors import BridgeUnavailableError  # noqa: PLC0415  likewise
    from ws_deployment.clients.port_forward import PortForward  # noqa: PLC0415  likewise

    with PortForward(target(context, meta, bridge)) as forward, BridgeClient(forward.address, bridge.api) as client:
        try:
            yield client
        except BridgeUnavailableError as error:
            # What the forward met is the cause; the client has seen a closed connection alone.
            why = f"{error.why}; {forward.last_error}" if forward.last_error else error.why
            raise BridgeUnavailableError(error.attempted, on=error.on, why=why, remedy=error.remedy) from error


def target(context: StepContext, meta: MetaCluster, bridge: Bridge) -> Target:
    """The bridge's Pods. Raises NotYetError where the config does not say which cluster they run in."""
    from ws_deployment.clients.port_forward import Target  # noqa: PLC0415  only where it is used

    access = bridge.kubernetes
    if access is None:
        why = "the config says neither its address nor its cluster"
        raise NotYetError("finding the bridge of", on=meta.name, why=why, remedy=_REMEDY)
    kubeconfig = path(context, access.kubeconfig) if access.kubeconfig else None
    return Target(access.namespace, kubeconfig, access.context)


def path(context: StepContext, told: str) -> Path:
    """A path of the config: `~` is the home, a relative one is relative to the config's folder."""
    return context.config_folder / Path(told).expanduser()


def registrations(statuses: list[ClusterStatus]) -> list[Registration]:
    """What the bridge lists, as the arithmetic of a shift wants it."""
    from ws_deployment.clients.bridge.model import ClusterState  # noqa: PLC0415  only where it is used

    return [
        Registration(
            name=each.name,
            score=each.score,
            available=each.state is ClusterState.AVAILABLE,
            max_score=each.max_score,
            url=each.url,
            governed=each.governed,
            static=each.static,
            limited=bool(each.admission_constraints),
        )
        for each in statuses
    ]


def _tls(context: StepContext, bridge: Bridge) -> TlsFiles | None:
    from ws_deployment.clients.bridge.model import TlsFiles  # noqa: PLC0415  only where it is used

    told = bridge.tls
    if told is None:
        return None
    crt, key = (path(context, each) if each else None for each in (told.crt, told.key))
    return TlsFiles(path(context, told.ca), crt, key)
