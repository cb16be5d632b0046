"""Moves traffic by a team's own program: JSON in and out.

`list` is answered with registrations. `write` gets `write` {cluster, property (score or cordoned), value (0 to 100, or
1 for cordoned)}, and may be asked for what is so already.
"""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.interfaces import ITrafficRouter, Registration, Stage, SubTask
from ws_deployment_steps import meta_command
from ws_deployment_steps.routers import writes


class CommandRouter(ITrafficRouter):
    """The team's own program."""

    parameters_model = meta_command.CommandParameters
    parameters: meta_command.CommandParameters

    def registrations(self) -> Sequence[Registration]:
        """All clusters that take traffic or could."""
        return meta_command.registrations(self.parameters, self.context, self.meta)

    def subtasks(self, stage: Stage) -> Sequence[SubTask]:
        """One write each."""
        return writes.subtasks(stage)

    def carry_out(self, subtask: SubTask) -> None:
        """Have the write made."""
        write = {key: subtask.data[key] for key in ("cluster", "property", "value")}
        meta_command.call(self.parameters, self.context, self.meta, "write", write=write)
