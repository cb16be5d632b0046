"""wait-upgraded: waits until Cluster API says that a cluster is of the release, every machine of it, and at rest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from ws_deployment.config.duration import Duration, format_duration
from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import (
    Change,
    IPreRun,
    IStep,
    Outputs,
    PreRun,
    StepContext,
    StepPlan,
    SubTask,
    Verdict,
)
from ws_deployment_steps.management_access import AfterDiff, inputs, management, objects, plan_made, plan_so_far


class WaitUpgradedParameters(AfterDiff):
    """What wait-upgraded takes."""

    time: Duration = Field(
        default=3600.0, gt=0, description="When it is not there after this time, it is stuck, and the step fails."
    )
    patience: Duration = Field(
        default=60.0,
        ge=0,
        description="How long an error that a controller tells may stand; what it calls final fails at once.",
    )


class WaitUpgraded(IStep[WaitUpgradedParameters]):
    """The time is counted from when it was first begun, over kills."""

    summary = "Wait until Cluster API says that every machine of a cluster is of the release."
    parameters_model = WaitUpgradedParameters

    def inputs(self, context: StepContext) -> Sequence[Path]:
        """The releases, where they are a folder."""
        return inputs(self.parameters.management, context)

    def pre_runs(self) -> Sequence[IPreRun]:
        """There is a plan to wait for."""
        return (PreRun("plan", self._known),)

    def plan(self, context: StepContext) -> StepPlan:
        """What is waited for."""
        limit = format_duration(self.parameters.time)
        found = plan_so_far(self.parameters, context)
        to = found.to_version if found else "the release"
        wait = SubTask("wait", f"at most {limit}", watches=True)
        return StepPlan(
            f"wait until {context.cluster.short_name} is of {to}, at most {limit}", Change.READ, "", (), {}, (wait,)
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:  # noqa: ARG002  there is one
        """Look on. A final failure ends it at once, an error that stands after `patience`, else the time limit."""
        from ws_deployment.clients.waiting import NotReadyError, wait_until_ready  # noqa: PLC0415  loaded when used
        from ws_deployment.releases.arrival import arrival  # noqa: PLC0415  likewise

        plan = plan_made(self.parameters, context)
        name = f"{plan.namespace}/{plan.cluster}"
        found = management(self.parameters.management, context)
        before = max(time.time() - context.began, 0.0) if context.began else 0.0

        calm = time.monotonic()

        def behind() -> str:
            nonlocal calm
            here = arrival(plan, objects(found, plan))
            if not here.erring:
                calm = time.monotonic()
            if here.failed or time.monotonic() - calm > self.parameters.patience:
                raise WsDeploymentError(
                    "waiting for the upgrade of",
                    on=name,
                    why="; ".join(here.failed or here.erring),
                    remedy="Mend it at the management cluster and try the run again, or roll it back.",
                )
            return "; ".join((*here.erring, *here.behind))

        try:
            wait_until_ready(
                "waiting for the upgrade of",
                behind,
                on=name,
                deadline=time.monotonic() + self.parameters.time - before,
                cancelled=context.cancelled,
                progress=context.progress,
            )
        except NotReadyError as error:
            behind_still = error.why.removeprefix("out of time: ")
            why = f"it is stuck: not there after {format_duration(self.parameters.time)}: {behind_still}"
            remedy = "Look at its machines. When it moves again, try the run again; or roll it back."
            raise WsDeploymentError(error.attempted, on=name, why=why, remedy=remedy) from error
        return {"release": plan.to_version}

    def _known(self, context: StepContext) -> Verdict:
        plan_made(self.parameters, context)
        return Verdict.proceed()
