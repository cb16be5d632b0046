"""Undoes what a run did to a Helm release on a cluster that it did not make: back a revision, or uninstalled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.fleet.marks import FLEET, RUN
from ws_deployment.interfaces import Change, StepContext, StepPlan, SubTask, Undo
from ws_deployment_steps.forcing import refused

if TYPE_CHECKING:
    from ws_deployment.clients.helm import Helm, Revision

#: Key for a revision's number: in an upgrade's sub-task the one that it found, in its outputs the one that it made.
REVISION = "revision"


@dataclass(frozen=True)
class ReleaseBack:
    """What is to be undone of one release. `live` is its newest revision, None where there is no such release."""

    release: str
    namespace: str
    helm: Helm
    live: Revision | None
    context: StepContext
    undo: Undo

    def plan(self) -> StepPlan:
        """What leads back. Raises RefusedError where the newest revision is not the one that the run made."""
        if (number := self._before()) is not None:
            return self._plan_earlier(number)
        if self.undo.plan.change is not Change.CREATE or self.live is None:
            return StepPlan(f"nothing to undo of release {self.release}", Change.NONE, subtasks=())
        if not self.undo.destroy:
            return StepPlan(f"keep release {self.release}, which the run installed", Change.NONE, subtasks=())
        self._refuse("uninstalling")
        return StepPlan(f"uninstall {self.release}", Change.DESTROY, subtasks=(SubTask("uninstall"),))

    def carry_out(self, limit: float) -> None:
        """Do what is still to be done of the plan, waiting at most `limit` seconds."""
        plan = self.plan()
        if not plan.subtasks:
            return
        if plan.change is Change.DESTROY:
            self.helm.uninstall(self.release, namespace=self.namespace, timeout=limit)
        elif (number := self._before()) is not None:
            self.helm.rollback(self.release, number, namespace=self.namespace, timeout=limit)

    def verify(self) -> None:
        """Nothing is left to be done, and what is there is deployed."""
        if left := self.plan().subtasks:
            raise WsDeploymentError("undoing", on=f"release {self.release}", why=f"{left[0].name} was not carried out")

    def _before(self) -> int | None:
        """Number of the revision that the run upgraded; None where it installed, or did nothing."""
        if self.undo.plan.change is not Change.UPDATE or not self.undo.plan.subtasks:
            return None
        return int(self.undo.plan.subtasks[0].data[REVISION])

    def _plan_earlier(self, number: int) -> StepPlan:
        back = f"revision {number} of {self.release}"
        if self._is_back(number):
            return StepPlan(f"{back} is in place", Change.NONE, subtasks=())
        kept = {past.number for past in self.helm.history(self.release, namespace=self.namespace)}
        if number not in kept:
            part = self._part()
            if part in self.undo.forced:
                return StepPlan(f"leave {self.release}: revision {number} is gone", Change.NONE, subtasks=())
            raise self._refused("going back from", {part: f"revision {number} is gone"})
        self._refuse("going back from")
        return StepPlan(
            f"go back to {back}",
            Change.UPDATE,
            fingerprint={REVISION: str(self.live.number)} if self.live else {},
            subtasks=(SubTask("go back", f"helm rollback {self.release} {number}"),),
        )

    def _is_back(self, number: int) -> bool:
        """Whether revision `number` is what runs: it is the newest, or Helm has gone back to it since."""
        if self.live is None or self.live.status != "deployed":
            return False
        if self.live.number == number:
            return True
        return self._going_back(number)

    def _going_back(self, number: int | None) -> bool:
        """Whether the newest revision is one by which Helm went back to `number`, or began to."""
        history = self.helm.history(self.release, namespace=self.namespace)
        return bool(history) and history[-1].description == f"Rollback to {number}"

    def _refuse(self, attempted: str) -> None:
        """Refuse what the run did not make; what bears no mark of this fleet can't be forced either."""
        live = self.live
        if live is None or self._going_back(self._before()):
            return
        if live.labels.get(FLEET) != self.context.fleet.name:
            whose = f"fleet {live.labels[FLEET]}" if FLEET in live.labels else "nobody"
            raise RefusedError(
                attempted,
                on=f"release {self.release}",
                why=f"revision {live.number} is marked as {whose}'s, not {self.context.fleet.name}'s",
                remedy="It is not this fleet's to change: see to it by hand with helm.",
            )
        made = self.undo.outputs.get(REVISION)
        mine = live.labels.get(RUN) == self.context.run_id and made in {None, live.number}
        if not mine and self._part() not in self.undo.forced:
            by = f"run {live.labels.get(RUN)}" if live.labels.get(RUN) != self.context.run_id else "a hand"
            raise self._refused(attempted, {self._part(): f"its newest revision, {live.number}, was made by {by}"})

    def _refused(self, attempted: str, parts: Mapping[str, str]) -> RefusedError:
        first = f"Look at it (helm history {self.release})"
        return refused(attempted, f"release {self.release}", parts, first=first)

    def _part(self) -> str:
        return f"release/{self.release}"
