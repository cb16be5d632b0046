"""soak: waits for a while, durably, and where asked for a person."""

from __future__ import annotations

from pydantic import Field

from ws_deployment.config.duration import Duration, format_duration
from ws_deployment.interfaces import Change, IStep, Outputs, Parameters, Scope, StepContext, StepPlan, SubTask


class SoakParameters(Parameters):
    """What soak takes."""

    time: Duration = Field(default=0.0, ge=0, description="How long.")
    question: str = Field(default="", description="What a person is asked after it; empty for nobody.")


class Soak(IStep[SoakParameters]):
    """The whole run waits here. Between two waves the engine puts it in by itself."""

    summary = "Wait for a while, and where asked for a person."
    scope = Scope.RUN
    parameters_model = SoakParameters

    def plan(self, context: StepContext) -> StepPlan:  # noqa: ARG002  it is the same for every run
        """The wait, then the question."""
        time, question = self.parameters.time, self.parameters.question
        said = [f"soak for {format_duration(time)}"] if time else []
        said += [f"wait for an approval: {question}"] if question else []
        waits = [SubTask("soak", said[0], hold=time)] if time else []
        waits += [SubTask("approval", said[-1], approval=question)] if question else []
        return StepPlan(", then ".join(said) or "go on", Change.NONE, subtasks=tuple(waits))

    def run(self, context: StepContext, subtask: SubTask) -> Outputs | None:  # noqa: ARG002  the engine waits
        """Nothing: the engine waits."""
        return None
