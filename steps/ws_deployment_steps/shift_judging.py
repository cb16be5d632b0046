"""What a config says of judging a shift: gates, the measured split, and what goes back."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from ws_deployment.config.duration import Duration
from ws_deployment.config.gates import Gates
from ws_deployment.config.ready_gates import resolved
from ws_deployment.interfaces import Parameters


class GateParameters(Parameters):
    """Parameters of a step that has new clusters judged."""

    gates: Gates | None = Field(
        default=None, description="What is asked of Prometheus meanwhile; a shift of production has to say it."
    )
    lost_after: Duration = Field(
        default=60.0, gt=0, description="A new cluster whose API does not answer for so long is lost, and turned back."
    )
    cluster_label: str | None = Field(
        default=None,
        pattern=r"\{name\}",
        description="The label `cluster` of metrics, `{name}` standing for the short name; default: prod-ws-{name}.",
    )

    @model_validator(mode="after")
    def _gates_whole(self) -> Self:
        for gate in self.gates or ():
            try:
                resolved(gate, "2026")
            except ValidationError as error:  # what was given over a ready-made gate does not go with the rest of it
                told = error.errors()[0]["msg"].removeprefix("Value error, ")
                msg = f"gate `{gate.called}`: {told}"
                raise ValueError(msg) from error
        return self


class JudgingParameters(GateParameters):
    """Parameters of a step that looks on while traffic moves."""

    measure: Literal["required", "told", "off"] | None = Field(
        default=None, description="Whether starts must be seen to fall as the weights say; default: with gates."
    )
    misfit: Literal["hold", "ask", "rollback"] = Field(
        default="ask", description="What starts that do not fall so lead to, when a stage's time is over."
    )
    settle: Duration = Field(
        default=30.0, ge=0, description="Starts are counted from so long after a stage is written."
    )
    turn_back: Literal["cluster", "meta", "run"] = Field(
        default="meta", description="What goes back when a gate fails: its cluster, all of the meta cluster, the run."
    )

    @property
    def watched(self) -> bool:
        """Whether somebody has to look on while traffic moves."""
        return bool(self.gates) or self.measured != "off"

    @property
    def measured(self) -> Literal["required", "told", "off"]:
        """Whether starts have to be seen to fall as the weights say."""
        return self.measure or ("required" if self.gates else "off")
