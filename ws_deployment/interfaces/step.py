"""A step and its checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from ws_deployment.interfaces.context import StepContext
from ws_deployment.interfaces.values import Change, Outputs, Parameters, Scope, StepPlan, SubTask, Undo, Verdict


class IPreRun(ABC):
    """A read-only check before a step."""

    name: str

    @abstractmethod
    def check(self, context: StepContext) -> Verdict:
        """Look, change nothing, and say whether the step may run. An error raised counts as a refusal."""


class PreRun(IPreRun):
    """An IPreRun made of a name and a function."""

    def __init__(self, name: str, check: Callable[[StepContext], Verdict]) -> None:
        self.name = name
        self._check = check

    def check(self, context: StepContext) -> Verdict:
        """Ask the function."""
        return self._check(context)


P = TypeVar("P", bound=Parameters)


class IStep(ABC, Generic[P]):
    """One kind of work of a pipeline. Subclass it as `IStep[YourParameters]` and name the model in `parameters_model`.

    The engine makes one object a configured step and calls it from several threads: keep no state in it. All phases
    but `run` and `rollback` are read-only. Each of them can be repeated after a crash, so `run` finds its own
    half-done work by the run's id and goes on from it.
    """

    #: One line for `ws-deployment steps list`.
    summary: ClassVar[str]
    scope: ClassVar[Scope] = Scope.CLUSTER
    #: For a meta cluster's step: whether its parameters `via` and `options` name the traffic router.
    moves_traffic: ClassVar[bool] = True
    #: Pydantic model of what the config may say under `with:`.
    parameters_model: ClassVar[type[Parameters]] = Parameters

    def __init__(self, parameters: P) -> None:
        self.parameters = parameters

    def taken_names(self, context: StepContext) -> frozenset[str]:
        """Names (cloud names, short names) that exist already, which a new id must not make. Asked once a run.

        `context` is about the run. Raises WsDeploymentError where that can't be known from here.
        """
        return frozenset()

    def inputs(self, context: StepContext) -> Sequence[Path]:
        """Files and folders of this machine that the task reads, secrets excepted; asked once, as the run begins.

        They are kept with the run: `context.input(path)` gives each as it is now, however late and wherever it is read.
        """
        return ()

    def pre_runs(self) -> Sequence[IPreRun]:
        """Checks before anything is done, in order. The first *refuse* or *skip* ends them."""
        return ()

    @abstractmethod
    def plan(self, context: StepContext) -> StepPlan:
        """Say what `run` would do, changing nothing."""

    @abstractmethod
    def run(self, context: StepContext, subtask: SubTask) -> Outputs | None:
        """Do one sub-task of the plan. Raises TransientError for what may pass; it is then called again."""

    def verify(self, context: StepContext) -> None:
        """Make sure that what was done holds. Raises WsDeploymentError where it does not; the default trusts `run`."""

    def reach(self, context: StepContext, made: Outputs) -> None:
        """Have this machine reach the context's cluster, which another one made.

        `made` is what the step handed on there. Called when the cluster's type has no kubeconfig here; the default
        can't do anything about it.
        """

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """Say what `rollback` would do, changing nothing. The default has nothing to undo.

        Raises RefusedError when a later run or a hand has changed what it would overwrite, or when what it would go
        back to is gone: it names each such part, and what `undo.forced` must hold to go on all the same.
        """
        return StepPlan("nothing to undo", Change.NONE, subtasks=())

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:
        """Do one sub-task of the rollback's plan; repeated after a crash like `run`."""

    def verify_rollback(self, context: StepContext, undo: Undo) -> None:
        """Make sure that what was undone is undone; the default trusts `rollback`."""
