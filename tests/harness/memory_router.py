"""A traffic router that keeps registrations in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ws_deployment_steps.routers import writes

from ws_deployment.interfaces import ITrafficRouter, Parameters, Registration, Stage, StepContext, SubTask
from ws_deployment.traffic.ramp import Write
from ws_deployment.traffic.restore import applied


class MemoryRouter(ITrafficRouter):
    """Begins with the registrations `before`; what it is told to write is in `now`."""

    def __init__(self, context: StepContext, before: Sequence[Registration]) -> None:
        super().__init__(Parameters(), context.meta, context)
        self.now = {each.name: each for each in before}

    def registrations(self) -> Sequence[Registration]:
        return list(self.now.values())

    def subtasks(self, stage: Stage) -> Sequence[SubTask]:
        return writes.subtasks(stage)

    def carry_out_all(self, subtasks: Iterable[SubTask]) -> None:
        """Make those of them that are writes."""
        for subtask in subtasks:
            if "property" in subtask.data:
                self.carry_out(subtask)

    def carry_out(self, subtask: SubTask) -> None:
        told = subtask.data
        self.now = applied(self.now, Write(told["cluster"], told["property"], told["value"]))
