"""commit-upgrade: pushes a branch with what upgrade-diff has found, where Flux or Argo CD write the clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ws_deployment.interfaces import (
    Change,
    IStep,
    Outputs,
    SecretReference,
    StepContext,
    StepPlan,
    SubTask,
    Undo,
)
from ws_deployment_steps.management_access import PLAN, AfterDiff, plan_so_far, read_plan
from ws_deployment_steps.placeholders import fill

if TYPE_CHECKING:
    from ws_deployment.releases.plan import UpgradePlan
    from ws_deployment.releases.repository.commit import Change as Committed
    from ws_deployment.releases.repository.commit import Target

_BRANCH, _SHORT = "branch", 12


class CommitUpgradeParameters(AfterDiff):
    """What commit-upgrade takes."""

    repo: str | SecretReference = Field(description="URL of the repository; one with a token comes by reference.")
    branch: str | None = Field(
        default=None,
        description="The branch that is made; default: upgrade/CLUSTER-VERSION. Placeholders are filled in.",
    )
    base: str = Field(default="", description="Where the branch begins; default: the repository's default branch.")
    path: str = Field(default="", description="The file or folder in the repository that is searched; default: all.")
    message: str = Field(default="", description="The commit's message; default: what changes from which to which.")


class CommitUpgrade(IStep[CommitUpgradeParameters]):
    """Nothing is forced: a branch that holds this change is left as it is, one with another is refused."""

    summary = "Push a branch with exactly what upgrade-diff has found, for a review there."
    parameters_model = CommitUpgradeParameters

    def plan(self, context: StepContext) -> StepPlan:
        """The difference in the repository; before upgrade-diff has run, that it is its diff."""
        found = plan_so_far(self.parameters, context)
        if found is None:
            return StepPlan(f"commit what {self.parameters.diff} shows", Change.UNKNOWN)
        target = self._target(context, found)
        change = _commit(context, found, target, self.parameters.message, dry_run=True) if not found.empty else None
        if change is None or not change.files:
            return StepPlan("the repository says so already", Change.NONE, subtasks=())
        data: Mapping[str, Any] = {PLAN: found.as_json(), _BRANCH: target.branch}
        return StepPlan(
            f"push {target.branch}: {', '.join(change.files)}",
            Change.NONE if change.before else Change.CREATE,
            change.diff,
            subtasks=(SubTask("push", data=data),),
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        """Push it; a branch that an earlier attempt pushed is found."""
        found = read_plan(subtask.data[PLAN], context)
        change = _commit(context, found, self._target(context, found), self.parameters.message)
        if change.files:
            context.progress(f"{change.branch} is at {change.commit[:_SHORT]}; somebody has to merge it")
        for line in change.said:
            context.progress(line)
        return {_BRANCH: change.branch, "commit": change.commit, "files": list(change.files)}

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:  # noqa: ARG002  the branch's name is enough
        """A branch stays: who reviews it closes it, and what was merged is reverted there."""
        pushed = [subtask.data[_BRANCH] for subtask in undo.plan.subtasks if _BRANCH in subtask.data]
        told = f"keep {pushed[0]}: close it, or revert what was merged of it" if pushed else "nothing to undo"
        return StepPlan(told, Change.NONE, subtasks=())

    def _target(self, context: StepContext, found: UpgradePlan) -> Target:
        from ws_deployment.releases.repository.commit import Target  # noqa: PLC0415  loaded when used

        given = self.parameters
        url = context.secret(given.repo) if isinstance(given.repo, SecretReference) else given.repo
        branch = fill(given.branch, context.cluster) if given.branch else f"upgrade/{found.cluster}-{found.to_version}"
        return Target(url, str(branch), given.base, given.path)


def _commit(
    context: StepContext, plan: UpgradePlan, target: Target, message: str, *, dry_run: bool = False
) -> Committed:
    from ws_deployment.releases.repository.commit import commit  # noqa: PLC0415  loaded when used

    return commit([plan], target, message=message, dry_run=dry_run, cancelled=context.cancelled)
