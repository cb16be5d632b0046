"""Moves traffic by the weights of a Gateway API HTTPRoute at the meta cluster's Kubernetes API."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.interfaces import ITrafficRouter, Registration, Stage, SubTask
from ws_deployment_steps.http_route import HttpRoute, HttpRouteParameters
from ws_deployment_steps.routers import writes


class HttpRouteRouter(ITrafficRouter):
    """A back-end's weight is its cluster's score; a cordoned one has weight 0."""

    parameters_model = HttpRouteParameters
    parameters: HttpRouteParameters

    def registrations(self) -> Sequence[Registration]:
        """All back-ends of the route."""
        return self._route().registrations()

    def subtasks(self, stage: Stage) -> Sequence[SubTask]:
        """One write each."""
        return writes.subtasks(stage)

    def carry_out(self, subtask: SubTask) -> None:
        """Make the write. Raises ConflictKubeError, which may pass, where another has written at the same moment."""
        name, value = subtask.data["cluster"], subtask.data["value"]
        if subtask.data["property"] == "score":
            self._route().set_score(name, value)
        else:
            self._route().set_available(name, available=not value)

    def _route(self) -> HttpRoute:
        return HttpRoute(self.parameters, self.context, self.meta)
