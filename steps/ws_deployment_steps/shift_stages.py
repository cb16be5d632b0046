"""The stages of a shift as the config has them: percents, and what must hold before the next one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ws_deployment.config.duration import Duration
from ws_deployment.config.v1 import Percent
from ws_deployment.interfaces import Parameters

#: The last stage: all starts.
ALL = 100.0
#: In the place of a stage: a person must say that the next one may come.
APPROVE = "approve"


class StageParameters(Parameters):
    """A stage with more to say than its percent."""

    percent: Percent = Field(description="Percent of starts that the new clusters take together.")
    hold: Duration | None = Field(default=None, ge=0, description="Least time at it; default: the step's `hold`.")
    until: Literal["time", "metrics"] = Field(
        default="time",
        description="`time` goes on after `hold`; `metrics` as soon after it as every gate has come to its success.",
    )
    at_most: Duration | None = Field(
        default=None, gt=0, description="With `until: metrics`: after this long a person is asked; unset for never."
    )
    approve: bool | Annotated[str, Field(min_length=1)] = Field(
        default=False, description="Whether a person must approve before the next stage, or the question."
    )

    @model_validator(mode="after")
    def _bounded(self) -> StageParameters:
        if self.at_most is not None and self.until != "metrics":
            msg = "`atMost` bounds `until: metrics`; a stage by time ends with its hold"
            raise ValueError(msg)
        return self


#: What stands in the list of stages.
StageEntry = Percent | Literal["approve"] | StageParameters


def stages_of(entries: Sequence[StageEntry], hold: float) -> tuple[StageParameters, ...]:
    """The stages with their holds; an `approve` belongs to the stage before it.

    Raises ValueError where they do not rise to 100, or where there is nothing that an `approve` could come after.
    """
    stages: list[StageParameters] = []
    for entry in entries:
        if entry == APPROVE:
            if not stages:
                msg = "`approve` comes after a stage; before the first one use the step `approval`"
                raise ValueError(msg)
            stages[-1] = stages[-1].model_copy(update={"approve": stages[-1].approve or True})
        elif isinstance(entry, StageParameters):
            stages.append(entry)
        else:
            stages.append(StageParameters(percent=float(entry)))
    percents = [stage.percent for stage in stages]
    if not percents or any(later <= earlier for earlier, later in pairwise(percents)) or percents[-1] != ALL:
        msg = "stages rise and end with 100, like [10, 50, 100]"
        raise ValueError(msg)
    return tuple(stage if stage.hold is not None else stage.model_copy(update={"hold": hold}) for stage in stages)


def question(stage: StageParameters) -> str:
    """What a person is asked after a stage; empty where nobody is."""
    if not stage.approve:
        return ""
    return stage.approve if isinstance(stage.approve, str) else f"{stage.percent:g} % stand: go on?"
