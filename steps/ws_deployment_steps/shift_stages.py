"""The stages of a shift as the config has them: percents, and what must hold before the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from ws_deployment.config.duration import Duration
from ws_deployment.config.v1 import Percent
from ws_deployment.interfaces import Parameters

#: The last stage: all starts.
ALL = 100.0
#: In the place of a stage: a person must say that the next one may come.
APPROVE = "approve"


class Admitted(Parameters):
    """The users whom a canary takes: exactly one of the two."""

    permission: str | None = Field(default=None, min_length=1, description="Users who have this permission.")
    feature_preview: bool = Field(default=False, description="Users who opted in to feature previews.")

    @model_validator(mode="after")
    def _one(self) -> Admitted:
        if (self.permission is None) is not self.feature_preview:
            msg = "a canary is `{permission: NAME}` or `{featurePreview: true}`"
            raise ValueError(msg)
        return self

    def __str__(self) -> str:
        return f"users with the permission `{self.permission}`" if self.permission else "users of feature previews"


class _Bounded(Parameters):
    """When a stage is passed."""

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
    def _bounded(self) -> Self:
        if self.at_most is not None and self.until != "metrics":
            msg = "`atMost` bounds `until: metrics`; a stage by time ends with its hold"
            raise ValueError(msg)
        return self


class StageParameters(_Bounded):
    """A stage with more to say than its percent."""

    percent: Percent = Field(description="Percent of starts that the new clusters take together.")


class CanaryParameters(_Bounded):
    """Before the first stage: it is written, but the new clusters take some users alone."""

    canary: Admitted = Field(description="Whom they take.")


def _form(value: object) -> str:
    """Which of its forms an entry has, so that its faults are told of that form alone."""
    if isinstance(value, CanaryParameters) or (isinstance(value, Mapping) and "canary" in value):
        return "a canary"
    if isinstance(value, StageParameters | Mapping):
        return "a stage"
    return "a word" if isinstance(value, str) else "a percent"


#: What stands in the list of stages.
StageEntry = Annotated[
    Annotated[Percent, Tag("a percent")]
    | Annotated[Literal["approve"], Tag("a word")]
    | Annotated[StageParameters, Tag("a stage")]
    | Annotated[CanaryParameters, Tag("a canary")],
    Discriminator(_form),
]


def stages_of(entries: Sequence[StageEntry], hold: float) -> tuple[StageParameters, ...]:
    """The stages with their holds; an `approve` belongs to the stage before it.

    Raises ValueError where they do not rise to 100, where there is nothing that an `approve` could come after, and for
    a canary in the wrong place.
    """
    whole = _whole(entries, hold)
    stages = tuple(stage for stage in whole if isinstance(stage, StageParameters))
    percents = [stage.percent for stage in stages]
    if not percents or any(later <= earlier for earlier, later in pairwise(percents)) or percents[-1] != ALL:
        msg = "stages rise and end with 100, like [10, 50, 100]"
        raise ValueError(msg)
    if any(isinstance(stage, CanaryParameters) for stage in whole[1:]):
        msg = "a canary comes before the first stage, once"
        raise ValueError(msg)
    if len(stages) < len(whole) and percents[0] == ALL:
        msg = "a canary needs a stage below 100 after it: all other users have to go somewhere"
        raise ValueError(msg)
    return stages


def canary_of(entries: Sequence[StageEntry], hold: float) -> CanaryParameters | None:
    """The canary before the stages, with its hold; None where there is none."""
    first = _whole(entries, hold)[0]
    return first if isinstance(first, CanaryParameters) else None


def _whole(entries: Sequence[StageEntry], hold: float) -> list[StageParameters | CanaryParameters]:
    """Canary and stages, each with its hold and the approval that comes after it."""
    whole: list[StageParameters | CanaryParameters] = []
    for entry in entries:
        if entry == APPROVE:
            if not whole:
                msg = "`approve` comes after a stage; before the first one use the step `approval`"
                raise ValueError(msg)
            whole[-1] = whole[-1].model_copy(update={"approve": whole[-1].approve or True})
        else:
            made = entry if isinstance(entry, _Bounded) else StageParameters(percent=float(entry))
            whole.append(made if made.hold is not None else made.model_copy(update={"hold": hold}))
    return whole


def question(stage: StageParameters | CanaryParameters) -> str:
    """What a person is asked after a stage; empty where nobody is."""
    if not stage.approve:
        return ""
    if isinstance(stage.approve, str):
        return stage.approve
    told = f"{stage.percent:g} % stand" if isinstance(stage, StageParameters) else "The canary stands"
    return f"{told}: go on?"
