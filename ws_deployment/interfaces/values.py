"""The values that pass between a plugin and the engine."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ws_deployment.errors import WsDeploymentError

#: What a task hands on to later tasks of its target: JSON values, never a secret.
Outputs = Mapping[str, Any]


class NotYetError(WsDeploymentError):
    """What was asked can't be known before another task has run, for example because the cluster does not exist.

    Raised from a check it counts as *deferred*; from a plan, as "known when its time comes"; from a run it is an
    error like any other.
    """


class TurnBackError(WsDeploymentError):
    """Raised from a sub-task's run: what the task has done so far must be taken back at once; its rollback is called.

    With `parts` only what it did for these clusters (short names) is taken back; the task goes on without them.
    `whole_run` says that the rest of the run must be taken back as well.
    """

    def __init__(
        self,
        attempted: str,
        *,
        why: str,
        on: str = "",
        remedy: str = "",
        parts: frozenset[str] = frozenset(),
        whole_run: bool = False,
    ) -> None:
        super().__init__(attempted, on=on, why=why, remedy=remedy)
        self.parts = parts
        self.whole_run = whole_run


class Scope(enum.StrEnum):
    """What one task of a step is about."""

    CLUSTER = "cluster"
    META = "meta"
    RUN = "run"


class Decision(enum.StrEnum):
    """What a check says of its step."""

    PROCEED = "proceed"
    SKIP = "skip"
    REFUSE = "refuse"
    DEFERRED = "deferred"


@dataclass(frozen=True)
class Verdict:
    """A check's answer. `reason` says why, `remedy` what to do about a refusal."""

    decision: Decision
    reason: str = ""
    remedy: str = ""

    @classmethod
    def proceed(cls, reason: str = "") -> Verdict:
        """All is as the step needs it."""
        return cls(Decision.PROCEED, reason)

    @classmethod
    def skip(cls, reason: str) -> Verdict:
        """The step's work is done already."""
        return cls(Decision.SKIP, reason)

    @classmethod
    def refuse(cls, problem: str, remedy: str) -> Verdict:
        """The step must not run."""
        return cls(Decision.REFUSE, problem, remedy)

    @classmethod
    def deferred(cls, reason: str) -> Verdict:
        """Can't be known yet; the check is made again when the task's time comes."""
        return cls(Decision.DEFERRED, reason)


class Change(enum.StrEnum):
    """What a plan does to the world, in one word."""

    CREATE = "create"
    UPDATE = "update"
    DESTROY = "destroy"
    READ = "read"
    NONE = "no change"
    UNKNOWN = "known later"


@dataclass(frozen=True)
class SubTask:
    """One of the effects that a task has in sequence. Each is journaled; between two of them a run can be stopped.

    A sub-task with a `hold` (seconds) has no effect: the engine waits, durably. So it does with an `approval`, the
    question that a person is asked, until somebody approves. One that `watches` looks on, for as long as it finds
    right: no time limit ends it. `part` is the cluster (short name) that it is about, where it is about one alone: it
    is left out when that cluster was turned back. `data` is JSON for the step's `run`.
    """

    name: str
    summary: str = ""
    hold: float = 0.0
    approval: str = ""
    watches: bool = False
    part: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepPlan:
    """What a task would do.

    `summary` is one line. `diff` is for review (unified diff or a list; secrets masked). `unknown` names what can't
    be known beforehand. `fingerprint` identifies what was read, so that a later apply can tell whether the world
    has moved. `subtasks` are carried out in order; most steps have one.
    """

    summary: str
    change: Change = Change.UPDATE
    diff: str = ""
    unknown: tuple[str, ...] = ()
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    subtasks: tuple[SubTask, ...] = (SubTask("run"),)
    removal: str = ""


@dataclass(frozen=True)
class Undo:
    """What a task of a run did, for the rollback of it.

    `plan` is what it carried out, `finished` the names of the sub-tasks that were journaled as done (one more may have
    taken effect), `outputs` what it handed on. `destroy` says whether what was made shall be removed, not only taken
    out of service. `forced` are the parts that the user named to be overwritten although a hand or a later run
    changed them. `only` are the clusters (short names) that are turned back; empty for all of what the task did.
    """

    plan: StepPlan
    finished: tuple[str, ...] = ()
    outputs: Outputs = field(default_factory=dict)
    destroy: bool = False
    forced: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()


class Parameters(BaseModel):
    """Base of a plugin's own parameters: camelCase in the config, no unknown keys."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)
