"""approval: waits until a person says yes, for as long as it takes."""

from __future__ import annotations

from pydantic import Field

from ws_deployment.interfaces import Change, IStep, Outputs, Parameters, Scope, StepContext, StepPlan, SubTask


class ApprovalParameters(Parameters):
    """What approval takes."""

    question: str = Field(default="Go on?", min_length=1, description="What the person is asked.")


class Approval(IStep[ApprovalParameters]):
    """The whole run waits here; `ws-deployment runs approve` lets it go on. Who said so is kept."""

    summary = "Wait until a person approves."
    scope = Scope.RUN
    parameters_model = ApprovalParameters

    def plan(self, context: StepContext) -> StepPlan:  # noqa: ARG002  it asks the same of every run
        """One sub-task: the question."""
        question = self.parameters.question
        return StepPlan(
            f"wait for an approval: {question}",
            Change.NONE,
            subtasks=(SubTask("approval", f"wait for an approval: {question}", approval=question),),
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs | None:  # noqa: ARG002  the engine waits
        """Nothing: the engine asks."""
        return None
