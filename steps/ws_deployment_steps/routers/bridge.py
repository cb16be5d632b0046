"""Moves traffic at the bridge itself: scores and cordons, one property a call."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.interfaces import ITrafficRouter, Registration, Stage, SubTask
from ws_deployment_steps.bridge_access import connected, registrations
from ws_deployment_steps.routers import writes


class BridgeRouter(ITrafficRouter):
    """Native gRPC."""

    def registrations(self) -> Sequence[Registration]:
        """All registered clusters with their weights."""
        with connected(self.context, self.meta) as client:
            return registrations(client.list())

    def subtasks(self, stage: Stage) -> Sequence[SubTask]:
        """One write each."""
        return writes.subtasks(stage)

    def carry_out(self, subtask: SubTask) -> None:
        """Make the write; making it twice is the same. Raises NotRegisteredError for a cluster that is gone."""
        name, value = subtask.data["cluster"], subtask.data["value"]
        with connected(self.context, self.meta) as client:
            if subtask.data["property"] == "score":
                client.set_score(name, value)
            elif value:
                client.cordon(name)
            else:
                client.uncordon(name)
