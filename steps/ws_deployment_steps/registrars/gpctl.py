"""Registers by the team's own `gpctl`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ws_deployment.interfaces import IRegistrar, Registration, RegistrationRequest
from ws_deployment_steps.bridge_access import registrations
from ws_deployment_steps.gpctl_access import GpctlParameters, gpctl
from ws_deployment_steps.registrars.request import native

if TYPE_CHECKING:
    from ws_deployment.clients.gpctl import Gpctl


class GpctlRegistrar(IRegistrar):
    """gpctl, through the meta cluster's kubeconfig; the config must name its `bridge.kubernetes`."""

    parameters_model = GpctlParameters
    parameters: GpctlParameters

    def registrations(self) -> Sequence[Registration]:
        """All registered clusters."""
        return registrations(self._gpctl().list())

    def register(self, request: RegistrationRequest) -> None:
        """Register a cluster, cordoned. Raises AlreadyRegisteredError where an old server would overwrite one."""
        from ws_deployment.clients.bridge.errors import check_free  # noqa: PLC0415  only where it is used

        client = self._gpctl()
        check_free(request.name, request.url, client.list())
        client.register(native(request))

    def cordon(self, name: str) -> None:
        """Let no further workspace start on a registered cluster."""
        self._gpctl().cordon(name)

    def deregister(self, name: str) -> None:
        """Remove a registration; an unknown one is no error."""
        self._gpctl().deregister(name)

    def _gpctl(self) -> Gpctl:
        return gpctl(self.parameters, self.context, self.meta)
