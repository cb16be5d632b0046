"""Carries out scheduled upgrades whose time has come: called from cron, from CI, or by a worker, as often as one likes.

Each is planned anew at its time, and stops for a review where that plan is another than the reviewed one. One whose
time passed while nobody looked is told, and not done late. A process that is killed leaves nothing behind that the next
call does not go on with.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from ws_deployment.engine.leases import Leases
from ws_deployment.engine.schedules import Schedule, Schedules, Stage, lease_of
from ws_deployment.errors import CancelledError, LockedError, RefusedError, StalePlanError, WsDeploymentError
from ws_deployment.releases.calendar.freezes import holding
from ws_deployment.releases.paths import path_as_json, text_of
from ws_deployment.releases.plan import Action, UpgradePlan


class Kind(enum.StrEnum):
    """What can be told of a scheduled upgrade."""

    AHEAD = "ahead"  #: its time comes
    HELD = "held"  #: its time is here, and a freeze holds it
    BUSY = "busy"  #: somebody else is at it
    BEGUN = "begun"
    AGAIN = "again"  #: it could not be tried; the next call tries again while its time lasts
    ENDED = "ended"  #: as its status says


@dataclass(frozen=True)
class Notice:
    """Something told of a scheduled upgrade, in words."""

    kind: Kind
    schedule: Schedule
    text: str

    @property
    def bad(self) -> bool:
        """Whether somebody has to look at it."""
        return self.kind is Kind.ENDED and self.schedule.status is not Stage.DONE

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return {"kind": self.kind, "text": self.text, "schedule": self.schedule.as_json()}


class Upgrading(Protocol):
    """Who plans and applies upgrades. Both raise WsDeploymentError; what may pass is transient."""

    def reaches(self, schedule: Schedule) -> bool:
        """Whether it is the management cluster of that schedule: others are left to who reaches them."""
        ...

    def replan(self, plan: UpgradePlan) -> UpgradePlan:
        """What the plan would be now, asked for as it was."""
        ...

    def apply(self, plan: UpgradePlan) -> None:
        """Carry out exactly that plan. What an earlier attempt did of it already is not done again.

        Raises StalePlanError where the world is another than what the plan was made for.
        """
        ...


Tell = Callable[[Notice], None]
Clock = Callable[[], float]


def carry_out(schedules: Schedules, held: Leases, upgrading: Upgrading, tell: Tell, clock: Clock) -> list[Notice]:
    """Announce, carry out and note as missed what is due by `clock` (seconds since the epoch); what was told.

    Each thing is told when it is noted. A process that dies in between has told an announcement twice at most, and
    never an end that did not come. Raises CancelledError; whatever else goes wrong with one keeps no other waiting.
    """
    told: list[Notice] = []

    def say(notice: Notice) -> None:
        told.append(notice)
        tell(notice)

    for schedule in schedules.open():
        _Carrier(schedules, held, upgrading, say, clock).look_at(schedule)
    return told


def due(schedules: Schedules, now: float) -> list[Schedule]:
    """What `carry_out` would look at now: to be announced, begun, gone on with, or noted as missed."""
    return [
        one
        for one in schedules.open()
        if one.status is Stage.UNDER_WAY or now >= one.opens or (one.announced is None and now >= one.opens - one.ahead)
    ]


@contextlib.contextmanager
def at_once(
    schedules: Schedules, held: Leases, plans: Sequence[UpgradePlan], clock: Clock, *, despite_freeze: bool = False
) -> Iterator[list[Schedule]]:
    """Upgrade clusters now, by hand: nobody else does meanwhile, and where it succeeds their schedules are cleared.

    What was cleared is in the list afterwards. Raises RefusedError for a cluster that is frozen, unless
    `despite_freeze`; LockedError where somebody is at one of them.
    """
    cleared: list[Schedule] = []
    for plan in plans:
        name = f"{plan.namespace}/{plan.cluster}"
        frozen = holding(schedules.freezes(clock()), name, _moment(clock()))
        if frozen and not despite_freeze:
            remedy = "Schedule it, or say --despite-freeze."
            raise RefusedError("upgrading", on=name, why=str(frozen), remedy=remedy)
    leases = [lease_of(plan) for plan in plans]
    held.acquire(f"upgrade-{held.holder}", leases)
    try:
        yield cleared
        cleared += schedules.clear(plans, clock())
    finally:
        held.release(leases)


@dataclass(frozen=True)
class _Carrier:
    """Looks at one schedule."""

    schedules: Schedules
    held: Leases
    upgrading: Upgrading
    say: Tell
    clock: Clock

    def look_at(self, schedule: Schedule) -> None:
        """Do what its time asks for."""
        now = self.clock()
        if schedule.status is Stage.SCHEDULED and now >= schedule.closes:
            self._miss(schedule)
        elif schedule.status is Stage.UNDER_WAY or now >= schedule.opens:
            if self._reached(schedule):
                self._alone(schedule)
        elif schedule.announced is None and now >= schedule.opens - schedule.ahead:
            plan = self.schedules.plan(schedule)
            marks = " ".join(
                word for word, is_so in (("disruptive", plan.disruptive), ("irreversible", plan.irreversible)) if is_so
            )
            text = f"{schedule.title} begins {schedule.when}" + (f" ({marks})" if marks else "")
            self.say(Notice(Kind.AHEAD, schedule, text))
            self.schedules.announce(schedule, now)

    def _reached(self, schedule: Schedule) -> bool:
        try:
            return self.upgrading.reaches(schedule)
        except WsDeploymentError as error:
            self._try_later(schedule, error)
            return False

    def _miss(self, schedule: Schedule) -> None:
        frozen = holding(self.schedules.freezes(schedule.opens), schedule.cluster, _moment(schedule.closes - 1))
        why = schedule.outcome or (str(frozen) if frozen else "nobody carried out what was due")
        self._end(schedule, Stage.MISSED, f"its time passed ({schedule.when} to {schedule.until}): {why}")

    def _alone(self, schedule: Schedule) -> None:
        """Carry it out, unless another process does."""
        lease = lease_of(schedule)
        try:
            # Each carrier is its own "run": what one holds is never taken over by the other while that lives.
            self.held.acquire(f"{schedule.id}-{self.held.holder}", [lease])
        except LockedError as error:
            self.say(Notice(Kind.BUSY, schedule, f"{schedule.title}: {error.why}"))
            return
        try:
            now = self.schedules.find(schedule.id)  # another may have ended it before the lease was had
            if now.status is Stage.SCHEDULED:
                self._begin(now)
            elif now.status is Stage.UNDER_WAY:
                self._go_on(now)
        finally:
            self.held.release([lease])

    def _begin(self, schedule: Schedule) -> None:
        frozen = holding(self.schedules.freezes(self.clock()), schedule.cluster, _moment(self.clock()))
        if frozen:
            self.say(Notice(Kind.HELD, schedule, f"{schedule.title}: {frozen}"))
            return
        reviewed = self.schedules.plan(schedule)
        now = self._replanned(schedule, reviewed)
        if now is None:
            return
        if now.empty and not now.problems:
            self._end(schedule, Stage.DONE, "there was nothing left to do")
        elif now.fingerprint != reviewed.fingerprint:
            self._end(schedule, Stage.REVIEW, f"the plan is another now: {difference(reviewed, now)}")
        elif self.clock() >= schedule.closes:
            self._miss(schedule)
        elif self.schedules.move(schedule, Stage.UNDER_WAY, self.clock()):
            begun = self.schedules.find(schedule.id)
            self.say(Notice(Kind.BEGUN, begun, f"{schedule.title} begins"))
            self._apply(begun, reviewed)

    def _go_on(self, schedule: Schedule) -> None:
        """Go on with what a process was killed at, or could not end for now: what is left of the reviewed plan."""
        if self.clock() >= schedule.closes:
            why = f"it was cut short, and its time passed at {schedule.until}" + (
                f": {schedule.outcome}" if schedule.outcome else ""
            )
            self._end(schedule, Stage.REVIEW, why)
        else:
            self.say(Notice(Kind.BEGUN, schedule, f"{schedule.title} goes on: it was cut short"))
            self._apply(schedule, self.schedules.plan(schedule))

    def _replanned(self, schedule: Schedule, reviewed: UpgradePlan) -> UpgradePlan | None:
        """The plan of now; None where there is none, which was told."""
        try:
            return self.upgrading.replan(reviewed)
        except CancelledError:
            raise
        except WsDeploymentError as error:
            if error.transient and self.clock() < schedule.closes:
                self._try_later(schedule, error)
            else:
                self._end(schedule, Stage.FAILED, f"it could not be planned anew: {error}")
            return None

    def _apply(self, schedule: Schedule, plan: UpgradePlan) -> None:
        if not self.held.check(lease_of(schedule)):
            self.say(Notice(Kind.BUSY, schedule, f"{schedule.title}: this process has lost its lease"))
            return
        try:
            self.upgrading.apply(plan)
        except CancelledError:
            raise
        except StalePlanError as error:
            self._end(schedule, Stage.REVIEW, str(error))
        except WsDeploymentError as error:
            if error.transient and self.clock() < schedule.closes:
                self._try_later(schedule, error)
            else:
                self._end(schedule, Stage.FAILED, str(error))
        else:
            self._end(schedule, Stage.DONE, _summary(plan))

    def _try_later(self, schedule: Schedule, error: WsDeploymentError) -> None:
        """Leave it as it is for the next call, with what went wrong."""
        if self.schedules.move(schedule, schedule.status, self.clock(), str(error)):
            self.say(
                Notice(Kind.AGAIN, schedule, f"{schedule.title}: {error}; it is tried again until {schedule.until}")
            )

    def _end(self, schedule: Schedule, status: Stage, outcome: str) -> None:
        if self.schedules.move(schedule, status, self.clock(), outcome):
            ended = self.schedules.find(schedule.id)
            self.say(Notice(Kind.ENDED, ended, f"{schedule.title} {_ended(status)}: {outcome}"))


def difference(one: UpgradePlan, other: UpgradePlan) -> str:
    """How two plans differ, in a few words."""
    if one.to_version != other.to_version or one.from_version != other.from_version:
        return f"from {other.from_version} to {other.to_version}"
    if other.problems:
        return "; ".join(f"{problem.on}: {problem.why}" for problem in other.problems)
    before, after = _lines(one), _lines(other)
    parts = [f"new: {_named(after - before)}", f"gone: {_named(before - after)}"]
    return "; ".join(part for part, lines in zip(parts, (after - before, before - after), strict=True) if lines) or (
        "values that it found have changed"
    )


def _lines(plan: UpgradePlan) -> set[tuple[str, str, str]]:
    """What a plan does: object, field (or what becomes of the object), the value that it gets."""
    lines = set()
    for one in plan.objects:
        if one.action in {Action.CREATE, Action.DELETE}:
            lines.add((one.title, str(one.action), repr(one.result)))
        for change in one.written if one.action is Action.CHANGE else ():
            lines.add((one.title, text_of(change.path), repr((path_as_json(change.path), change.after))))
    return lines


def _named(lines: set[tuple[str, str, str]], most: int = 5) -> str:
    names = sorted(f"{title} {field}" for title, field, _ in lines)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _summary(plan: UpgradePlan) -> str:
    objects = [one for one in plan.objects if one.action is not Action.NONE]
    fields = sum(len(one.written) for one in objects)
    return f"{fields} field{'' if fields == 1 else 's'} of {len(objects)} object{'' if len(objects) == 1 else 's'}"


def _ended(status: Stage) -> str:
    return {Stage.REVIEW: "waits for a review", Stage.MISSED: "was missed"}.get(status, str(status))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
