"""The cluster type `existing`: made by somebody else, reached by a kubeconfig, never created, never removed."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ws_deployment.errors import UsageError, WsDeploymentError
from ws_deployment.interfaces import IClusterType, NotYetError, StepContext, Verdict


class ExistingCluster(IClusterType):
    """A kubeconfig and a context of it."""

    summary: ClassVar[str] = "a cluster that is there already, by kubeconfig and context"

    def check(self, context: StepContext) -> Verdict:
        """Refuse to create; that the cluster answers is seen when the next step reaches for it."""
        return Verdict.refuse(
            f"{context.cluster.name} is of type existing, which can't be created",
            "Say `create: false` for it, or give it another type.",
        )

    def kubeconfig(self, context: StepContext) -> Path:
        """The one context of the user's kubeconfig, taken out anew each time, since its tokens may change."""
        from ws_deployment.clients.kubeconfig import write_one_context  # noqa: PLC0415  YAML is not free

        cluster = context.cluster
        source = context.config_folder / Path(cluster.kubeconfig).expanduser() if cluster.kubeconfig else None
        target = context.scratch / f"{cluster.name}.kubeconfig"
        try:
            write_one_context(source, cluster.context, target)
        except UsageError as error:
            if not context.dry_run:
                raise
            raise NotYetError(error.attempted, on=error.on, why=error.why, remedy=error.remedy) from error
        return target

    def destroy(self, context: StepContext) -> None:
        """Refused, always."""
        raise WsDeploymentError(
            "removing",
            on=context.cluster.name,
            why="it was not made by a run",
            remedy="Remove it where it was made.",
        )
