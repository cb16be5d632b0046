"""Registers at the bridge itself, in either generation of its API."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.interfaces import IRegistrar, Registration, RegistrationRequest
from ws_deployment_steps.bridge_access import connected, registrations
from ws_deployment_steps.registrars.request import native


class BridgeRegistrar(IRegistrar):
    """Native gRPC."""

    def registrations(self) -> Sequence[Registration]:
        """All registered clusters."""
        with connected(self.context, self.meta) as client:
            return registrations(client.list())

    def register(self, request: RegistrationRequest) -> None:
        """Register a cluster, cordoned. Raises AlreadyRegisteredError where an old server would overwrite one."""
        from ws_deployment.clients.bridge.errors import check_free  # noqa: PLC0415  only where it is used

        with connected(self.context, self.meta) as client:
            check_free(request.name, request.url, client.list())
            client.register(native(request))

    def cordon(self, name: str) -> None:
        """Let no further workspace start on a registered cluster."""
        with connected(self.context, self.meta) as client:
            client.cordon(name)

    def deregister(self, name: str) -> None:
        """Remove a registration; an unknown one is no error."""
        with connected(self.context, self.meta) as client:
            client.deregister(name)
