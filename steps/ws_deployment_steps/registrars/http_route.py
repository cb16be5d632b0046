"""Registers clusters as back-ends of a Gateway API HTTPRoute at the meta cluster's Kubernetes API."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from ws_deployment.interfaces import IRegistrar, Registration, RegistrationRequest
from ws_deployment.traffic.levels import DEFAULT_SCORE, HIGHEST_SCORE
from ws_deployment_steps.http_route import HttpRoute, HttpRouteParameters

#: What a hint makes of a score, as a bridge does.
_HINTED = {"none": DEFAULT_SCORE, "prefer": HIGHEST_SCORE, "dontschedule": 0}


class HttpRouteRegistrarParameters(HttpRouteParameters):
    """Options of register-cluster `via: httproute`."""

    port: int = Field(ge=1, le=65535, description="Port of a cluster's Service.")


class HttpRouteRegistrar(IRegistrar):
    """A cluster's Service becomes a back-end of weight 0. The Service itself is the team's."""

    parameters_model = HttpRouteRegistrarParameters
    parameters: HttpRouteRegistrarParameters

    def registrations(self) -> Sequence[Registration]:
        """All back-ends of the route."""
        return self._route().registrations()

    def register(self, request: RegistrationRequest) -> None:
        """Add the cluster's Service, cordoned."""
        self._route().add(request.name, request.url, self.parameters.port, _HINTED[request.preferability])

    def cordon(self, name: str) -> None:
        """Give it weight 0, and remember its score."""
        self._route().set_available(name, available=False)

    def deregister(self, name: str) -> None:
        """Remove its back-end; an unknown one is no error. Raises RefusedError for one that takes starts."""
        self._route().remove(name)

    def _route(self) -> HttpRoute:
        return HttpRoute(self.parameters, self.context, self.meta)
