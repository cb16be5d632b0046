"""Moves traffic by a team's own program: JSON in and out.

`list` is answered with registrations. `write` gets `write` {cluster, property (score or cordoned), value (0 to 100, or
1 for cordoned)}, and may be asked for what is so already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from ws_deployment.clients.command import CommandError
from ws_deployment.interfaces import ITrafficRouter, Registration, Stage, SubTask
from ws_deployment_steps import meta_command
from ws_deployment_steps.routers import writes

_STARTS = TypeAdapter(dict[str, Annotated[int, Field(strict=True, ge=0)]])


class CommandRouterParameters(meta_command.CommandParameters):
    """Options of traffic-shift `via: command`."""

    counts_starts: bool = Field(
        default=False, description="Whether the program counts starts: it is asked by `starts`, else Prometheus is."
    )


class CommandRouter(ITrafficRouter):
    """The team's own program."""

    parameters_model = CommandRouterParameters
    parameters: CommandRouterParameters

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

    def starts(self) -> Mapping[str, int] | None:
        """Starts counted so far by short name; None for a program that does not count. Raises CommandError."""
        if not self.parameters.counts_starts:
            return None
        answer = meta_command.call(self.parameters, self.context, self.meta, "starts")
        try:
            return _STARTS.validate_python(answer.get("starts"))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in ("starts", *first["loc"]))
            raise CommandError(
                "reading the answer of",
                on=self.parameters.command[0],
                why=f"{where}: {first['msg']}",
                remedy='Answer `starts` with {"starts": {"eu17": 42}}, or leave `countsStarts` out.',
            ) from error
