"""Steps and configs that the engine's tests run: steps that do as their parameters say, on clusters that are names."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import deployment, launch, plugins
from ws_deployment.engine.deployment import Request
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.manner import Manner, Report
from ws_deployment.engine.pipeline import ConfiguredStep
from ws_deployment.engine.state import State
from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.interfaces import (
    IClusterType,
    IPreRun,
    IStep,
    NotYetError,
    Outputs,
    Parameters,
    PreRun,
    Scope,
    StepContext,
    StepPlan,
    SubTask,
    Undo,
    Verdict,
)


class Script(Parameters):
    """What a step shall do on the targets that are named; on all others it just succeeds."""

    fails: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()
    hangs: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    transient_failures: int = 0
    hold: float = 0.0


class Scripted(IStep[Script]):
    summary = "does as it is told"
    parameters_model = Script

    def __init__(self, parameters: Script, log: list[str] | None = None, wait: threading.Event | None = None) -> None:
        super().__init__(parameters)
        self._wait = wait
        self.ran: list[str] = []
        self.verified: list[str] = []
        self.undone: dict[str, Undo] = {}
        self.saw: dict[str, Any] = {}
        self.log = log if log is not None else []

    def pre_runs(self) -> Sequence[IPreRun]:
        return (PreRun("script", self._judge),)

    def plan(self, context: StepContext) -> StepPlan:
        hold = (SubTask("hold", hold=self.parameters.hold),) if self.parameters.hold else ()
        return StepPlan(f"run on {name_of(context)}", subtasks=(*hold, SubTask("run")))

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        name = name_of(context)
        self.ran.append(name)
        self.saw[name] = {
            "subtask": subtask.name,
            "fleet": [cluster.short_name for cluster in context.fleet.workspace_clusters],
            "first": dict(context.outputs("first")),
        }
        if self.ran.count(name) <= self.parameters.transient_failures:
            raise TransientError("running", on=name, why="not now")
        if name in self.parameters.fails:
            raise WsDeploymentError("running", on=name, why="told to fail", remedy="tell it otherwise")
        if name in self.parameters.crashes:
            raise ZeroDivisionError(name)
        if name in self.parameters.hangs:
            while not context.cancelled.is_set():
                time.sleep(0.01)
        if self._wait is not None and (not self.parameters.deaf or name in self.parameters.deaf):
            self._wait.wait()
        return {"by": name}

    def verify(self, context: StepContext) -> None:
        name = name_of(context)
        self.verified.append(name)
        if name in self.parameters.unverified:
            raise WsDeploymentError("verifying", on=name, why="told to be wrong")

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:  # noqa: ARG002  its plan is the same
        hold = (SubTask("hold", hold=self.parameters.hold),) if self.parameters.hold else ()
        return StepPlan(f"undo {name_of(context)}", subtasks=(*hold, SubTask("undo")))

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:  # noqa: ARG002  there is one
        self.undone[name_of(context)] = undo
        self.log.append(f"undo {name_of(context)}/{context.output.stem.partition('.')[2]}")

    def _judge(self, context: StepContext) -> Verdict:
        name = name_of(context)
        if name in self.parameters.refuses:
            return Verdict.refuse("told to refuse", "tell it otherwise")
        return Verdict.skip("told to skip") if name in self.parameters.skips else Verdict.proceed()


class MetaScripted(Scripted):
    scope = Scope.META


class Asking(Scripted):
    def plan(self, context: StepContext) -> StepPlan:  # noqa: ARG002  it asks the same of all
        return StepPlan("ask", subtasks=(SubTask("ask", approval="Shall it go on?"),))


class Nowhere(IClusterType):
    summary = "a name and nothing else"

    def kubeconfig(self, context: StepContext) -> Path:
        raise NotYetError("reaching", on=context.cluster.name, why="it is a name and nothing else")


def name_of(context: StepContext) -> str:
    """The short name of the cluster, or the name of the meta cluster, that a task is about."""
    try:
        return context.cluster.short_name
    except WsDeploymentError:
        return context.meta.name


def config(prefixes: dict[str, str], **defaults: Any) -> ConfigV1:
    """A config with one cluster a prefix, governed by the meta cluster that the prefix maps to."""
    return ConfigV1.model_validate(
        {
            "version": "v1",
            "environment": "staging",
            "project": "test",
            "metaClusters": [
                {"name": n, "region": "europe-west1", "type": "nowhere"} for n in sorted(set(prefixes.values()))
            ],
            "workspaceClusters": [
                {"prefix": prefix, "region": "europe-west1", "type": "nowhere", "governedBy": meta}
                for prefix, meta in prefixes.items()
            ],
            "defaults": {
                "retries": {"attempts": 3, "initial": 0.01, "maximum": 0.02},
                "timeouts": {"run": 60},
                **defaults,
            },
        }
    )


def configured(config: ConfigV1, **steps: IStep[Any]) -> tuple[ConfiguredStep, ...]:
    """The steps as a pipeline, named by their keywords."""
    return tuple(
        ConfiguredStep(name, "scripted", step, config.defaults.retries, config.defaults.timeouts, ())
        for name, step in steps.items()
    )


def in_pipeline(monkeypatch: pytest.MonkeyPatch, steps: tuple[ConfiguredStep, ...]) -> None:
    """Have a run that is restored from its record find `steps` instead of installed ones."""
    monkeypatch.setattr(deployment, "configure", lambda _config: steps)


def carry_out(
    config: ConfigV1,
    state: Path,
    steps: tuple[ConfiguredStep, ...],
    cancelled: threading.Event | None = None,
    events: Any = None,
    *,
    exit_on_wait: bool = False,
    number: int = 1,
) -> Report:
    """Carry out run `run-NUMBER` of these steps, with the number for its cluster id."""
    plugins.cluster_type = lambda _name: Nowhere  # type: ignore[assignment]  # names need no plugin
    bus = EventBus(f"run-{number}")
    bus.subscribe((events if events is not None else []).append)
    request = Request(config, state / "config.yaml", steps, State(state), cluster_id=number)
    return launch.launch(request, Manner(bus, cancelled or threading.Event(), exit_on_wait=exit_on_wait))
