"""The effects of one cluster's retirement. Each asks again, right before it, whether the cluster may go at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.interfaces import IRegistrar, MetaCluster, Outputs, StepContext, TurnBackError
from ws_deployment_steps import destruction, ownership
from ws_deployment_steps.draining import Draining, Question, at_work
from ws_deployment_steps.standing import Standing, refuse_forbidden, standings


@dataclass(frozen=True)
class Retirement:
    """Of the context's cluster, whose `run_id` is that of the run that made it.

    `run` is the run that retires it. `was_at` are the meta clusters where it was registered before.
    """

    context: StepContext
    registrar: Callable[[MetaCluster], IRegistrar]
    run: str
    was_at: frozenset[str]

    def check(self) -> tuple[Standing, ...]:
        """How it stands now. Raises RefusedError where it must not go."""
        found = standings(self.context, self.registrar)
        refuse_forbidden(self.context, found, self.was_at)
        ownership.refuse_anothers(self.context)
        return found

    def cordon(self) -> None:
        """Let nothing more start on it; a shift has done so before, as a rule."""
        for at in self.check():
            if at.there and at.there.available:
                at.registrar.cordon(at.there.name)

    def drain(self, limit: float, ask: Question) -> Outputs:
        """Wait until nobody works on it; how many workspaces were waited for at most."""
        most = Draining(self.context, self.run, ask, limit).wait(self._refuse_starts)
        return {f"waitedFor.{self.context.cluster.short_name}": most}

    def deregister(self) -> None:
        """Take its registrations away, never by force."""
        found = self.check()
        self._refuse_workspaces()
        for at in found:
            if at.there:
                at.registrar.deregister(at.there.name)

    def plan_destruction(self) -> Outputs:
        """Save Terraform's destroy plan; what it will destroy."""
        self.check()
        return {f"destroys.{self.context.cluster.short_name}": list(destruction.plan(self.context))}

    def destroy(self) -> None:
        """Remove the cluster, when no meta cluster knows it any more."""
        cluster = self.context.cluster
        if known := [at.meta for at in self.check() if at.there]:
            why = f"it is registered at {', '.join(known)}"
            raise RefusedError("retiring", on=cluster.short_name, why=why, remedy="Deregister it there first.")
        self._refuse_workspaces()
        destruction.carry_out(self.context)

    def verify(self) -> Outputs:
        """Nothing is left of it that costs anything, and no meta cluster knows it."""
        verify_gone(self.context, self.registrar)
        return {f"retired.{self.context.cluster.short_name}": self.context.cluster.name}

    def _refuse_starts(self) -> None:
        """Raise RefusedError where it takes starts again: such a wait has no end. A bridge may be away meanwhile.

        Raises TurnBackError where the whole run is taken back.
        """
        if self.context.recalled():
            name = self.context.cluster.short_name
            raise TurnBackError("retiring", on=name, why="another part of the run turned bad")
        try:
            found = standings(self.context, self.registrar)
        except WsDeploymentError as error:
            if isinstance(error, RefusedError):
                raise
            return
        for at in found:
            if at.there and at.there.available:
                raise RefusedError(
                    "retiring",
                    on=f"{self.context.cluster.short_name} at {at.meta}",
                    why=f"it is available for starts again (score {at.there.score})",
                    remedy="Somebody wants it: leave it, or cordon it and try again.",
                )

    def _refuse_workspaces(self) -> None:
        """Raise RefusedError where somebody works on it. One that does not answer is an error, too."""
        if destruction.begun(self.context):
            return
        found = at_work(self.context)
        if total := found.total():
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
            raise RefusedError(
                "retiring",
                on=self.context.cluster.short_name,
                why=f"{total} workspace{'s are' if total > 1 else ' is'} on it again ({kinds})",
                remedy="Try again: it is waited for.",
            )


def verify_gone(context: StepContext, registrar: Callable[[MetaCluster], IRegistrar]) -> None:
    """Raise WsDeploymentError where something is left of the context's cluster, and where that can't be known."""
    cluster = context.cluster
    left = [*context.cluster_type(cluster.type).remains(context)]
    left += [str(context.folder)] if context.folder.exists() and any(context.folder.iterdir()) else []
    left += [f"its registration at {at.meta}" for at in standings(context, registrar) if at.there]
    if left:
        remedy = "Remove what is left by hand, then `runs mark-done` the task."
        raise WsDeploymentError("retiring", on=cluster.name, why=f"left of it: {', '.join(left)}", remedy=remedy)
