"""What a task came to, as data: the journal keeps it, outputs show it, and nothing branches on exceptions."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import Change, StepPlan, SubTask
from ws_deployment.redaction import redact


class Status(enum.StrEnum):
    """How a task or a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    REFUSED = "refused"
    #: It did not return within its limit: whether it took effect is not known.
    UNKNOWN = "unknown"
    #: Something before it failed.
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    #: Of a run: it waits for a worker.
    QUEUED = "queued"
    PAUSED = "paused"
    #: Of a run: unfinished, and no process is at it.
    INTERRUPTED = "interrupted"
    ROLLED_BACK = "rolled back"
    #: It turned bad while it went on, and what it had done was taken back.
    TURNED_BACK = "turned back"

    @property
    def good(self) -> bool:
        """Whether what comes after may go on."""
        return self in {Status.DONE, Status.SKIPPED}

    @property
    def at_fault(self) -> bool:
        """Whether it went wrong by itself, not because of another."""
        return self in {Status.FAILED, Status.REFUSED, Status.UNKNOWN, Status.TURNED_BACK}


@dataclass(frozen=True)
class Problem:
    """An error as data; the four parts of a WsDeploymentError."""

    attempted: str
    on: str
    why: str
    remedy: str
    transient: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Problem:
        """The problem that an exception tells, secrets masked."""
        if isinstance(error, WsDeploymentError):
            attempted, on, why, remedy = map(redact, (error.attempted, error.on, error.why, error.remedy))
            return cls(attempted, on, why, remedy, error.transient)
        return cls("", "", redact(f"{type(error).__name__}: {error}"), "This is a fault of the step; tell its author.")

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return dict(vars(self))

    def __str__(self) -> str:
        head = f"{self.attempted} {self.on}".strip()
        return f"{head}: {self.why}" if head else self.why


@dataclass(frozen=True)
class Checked:
    """One pre-run's verdict."""

    check: str
    decision: str
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Intent:
    """What a task is about to do: journaled before it is done.

    `status` is RUNNING when the plan is to be carried out; SKIPPED, REFUSED or FAILED end the task here.
    """

    status: Status
    checks: tuple[Checked, ...] = ()
    plan: StepPlan | None = None
    problem: Problem | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them."""
        return {
            "status": self.status,
            "checks": [vars(check) for check in self.checks],
            "plan": None if self.plan is None else plan_as_json(self.plan),
            "problem": None if self.problem is None else self.problem.as_json(),
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Intent:
        """The intent that `as_json` gave."""
        return cls(
            status=Status(data["status"]),
            checks=tuple(Checked(**check) for check in data["checks"]),
            plan=plan_from_json(data["plan"]) if data["plan"] else None,
            problem=Problem(**data["problem"]) if data["problem"] else None,
            reason=data["reason"],
        )


@dataclass(frozen=True)
class Outcome:
    """What an attempted sub-task, or a whole task, came to. `seconds` includes retries and waits."""

    status: Status
    seconds: float = 0.0
    attempts: int = 0
    outputs: Mapping[str, Any] = field(default_factory=dict)
    problem: Problem | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """JSON values; `from_json` reads them."""
        return {
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "attempts": self.attempts,
            "outputs": dict(self.outputs),
            "problem": None if self.problem is None else self.problem.as_json(),
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        """The outcome that `as_json` gave."""
        problem = Problem(**data["problem"]) if data["problem"] else None
        return cls(**{**data, "status": Status(data["status"]), "problem": problem})


def ending(outcomes: Iterable[Outcome]) -> Status:
    """What a run came to, of whose tasks these are the outcomes."""
    bad = {outcome.status for outcome in outcomes if not outcome.status.good}
    if not bad:
        return Status.DONE
    return Status.TURNED_BACK if bad <= {Status.TURNED_BACK, Status.BLOCKED} else Status.FAILED


def plan_as_json(plan: StepPlan) -> dict[str, Any]:
    """JSON values, secrets masked; `plan_from_json` reads them."""
    return {
        "summary": redact(plan.summary),
        "change": plan.change,
        "diff": redact(plan.diff),
        "unknown": list(plan.unknown),
        "fingerprint": dict(plan.fingerprint),
        "removal": plan.removal,
        "subtasks": [{**vars(subtask), "data": dict(subtask.data)} for subtask in plan.subtasks],
    }


def plan_from_json(data: Mapping[str, Any]) -> StepPlan:
    """The plan that `plan_as_json` gave."""
    return StepPlan(
        summary=data["summary"],
        change=Change(data["change"]),
        diff=data["diff"],
        unknown=tuple(data["unknown"]),
        fingerprint=data["fingerprint"],
        removal=data["removal"],
        subtasks=tuple(SubTask(**subtask) for subtask in data["subtasks"]),
    )
