"""Moves traffic by the team's own `gpctl`: scores and cordons, one property a call."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.interfaces import ITrafficRouter, Registration, Stage, SubTask
from ws_deployment_steps.bridge_access import registrations
from ws_deployment_steps.gpctl_access import GpctlParameters, gpctl
from ws_deployment_steps.routers import writes


class GpctlRouter(ITrafficRouter):
    """gpctl, through the meta cluster's kubeconfig; the config must name its `bridge.kubernetes`."""

    parameters_model = GpctlParameters
    parameters: GpctlParameters

    def registrations(self) -> Sequence[Registration]:
        """All registered clusters with their weights."""
        return registrations(gpctl(self.parameters, self.context, self.meta).list())

    def subtasks(self, stage: Stage) -> Sequence[SubTask]:
        """One write each."""
        return writes.subtasks(stage)

    def carry_out(self, subtask: SubTask) -> None:
        """Make the write; making it twice is the same. Raises NotRegisteredError for a cluster that is gone."""
        name, value = subtask.data["cluster"], subtask.data["value"]
        client = gpctl(self.parameters, self.context, self.meta)
        if subtask.data["property"] == "score":
            client.set_score(name, value)
        elif value:
            client.cordon(name)
        else:
            client.uncordon(name)
