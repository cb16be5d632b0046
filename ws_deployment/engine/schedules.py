"""Upgrades that shall be carried out later, and freezes: kept in the state, so that they survive whoever made them.

What is carried out when, is upgrading.py's work; which hours are meant, that of releases/calendar. Times in the tables
are seconds since the epoch. No run is made here, and the durable library is not needed.
"""

from __future__ import annotations

import enum
import getpass
import hashlib
import json
import socket
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ws_deployment.engine import contents
from ws_deployment.engine.database import freezes, schedules
from ws_deployment.engine.store import Store
from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.releases.calendar.freezes import Freeze
from ws_deployment.releases.calendar.window import Opening
from ws_deployment.releases.calendar.zones import shown, zone
from ws_deployment.releases.plan import UpgradePlan

#: Seconds before its time that an upgrade is announced.
AHEAD = 900.0


class Stage(enum.StrEnum):
    """How a scheduled upgrade stands."""

    SCHEDULED = "scheduled"  #: its time has not come, or nobody has looked since
    UNDER_WAY = "under way"  #: somebody has begun with it; where that process is gone, the next one goes on
    DONE = "done"
    FAILED = "failed"
    REVIEW = "needs review"  #: at its time the plan was another than the one that was reviewed
    MISSED = "missed"  #: nobody carried it out while its time was; it is not done late
    CANCELLED = "cancelled"
    CLEARED = "cleared"  #: somebody upgraded the cluster at once


_OPEN = (Stage.SCHEDULED, Stage.UNDER_WAY)


@dataclass(frozen=True)
class Schedule:
    """An upgrade of one cluster (`namespace/name`, of the management cluster with that uid) in `opens` to `closes`.

    `text` is the time or window as it was asked for, `zone` what it is shown in. `ahead`: seconds before its time that
    it is announced. `notify`: webhooks, each as {"variable": …, "format": …}; never their URLs. `outcome` says how it
    ended. Times are seconds since 1970.
    """

    id: str
    management: str
    cluster: str
    from_version: str
    to_version: str
    plan: str
    fingerprint: str
    text: str
    zone: str
    opens: float
    closes: float
    ahead: float
    status: Stage
    outcome: str
    who: str
    created: float
    changed: float
    announced: float | None = None
    notify: tuple[Mapping[str, str], ...] = field(default=())

    @property
    def title(self) -> str:
        """`org-acme/alpha from 25.0.0 to 25.1.0`."""
        return f"{self.cluster} from {self.from_version} to {self.to_version}"

    @property
    def when(self) -> str:
        """When it is carried out, in its zone and in UTC."""
        return shown(datetime.fromtimestamp(self.opens, UTC), self._place)

    @property
    def until(self) -> str:
        """When it is too late."""
        return shown(datetime.fromtimestamp(self.closes, UTC), self._place)

    @property
    def ended(self) -> float | None:
        """When it came to an end; None for one that has not."""
        return None if self.status in _OPEN else self.changed

    def standing(self, now: float) -> str:
        """How it stands, in a word or two, whether or not anybody has noted that its time passed."""
        return str(Stage.MISSED if self.missed(now) else self.status)

    def missed(self, now: float) -> bool:
        """Whether its time has passed, though nobody may have noted it."""
        return self.status is Stage.MISSED or (self.status is Stage.SCHEDULED and now >= self.closes)

    def as_json(self, now: float = 0.0) -> dict[str, Any]:
        """JSON values, as it stands at `now`; times in ISO 8601, UTC."""
        return {
            "id": self.id,
            "cluster": self.cluster,
            "from": self.from_version,
            "to": self.to_version,
            "fingerprint": self.fingerprint,
            "asked": self.text,
            "opens": _iso(self.opens),
            "closes": _iso(self.closes),
            "status": self.standing(now),
            "outcome": self.outcome,
            "who": self.who,
            "created": _iso(self.created),
            "announced": _iso(self.announced),
        }

    @property
    def _place(self) -> ZoneInfo | None:
        return zone(self.zone) if self.zone else None


@dataclass(frozen=True)
class Asked:
    """When an upgrade shall be carried out, as it was asked for; see Schedule."""

    text: str
    opening: Opening
    zone: str = ""
    ahead: float = AHEAD
    notify: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class KeptFreeze:
    """A freeze with its id and who made it."""

    id: str
    freeze: Freeze
    who: str

    def as_json(self) -> dict[str, Any]:
        """JSON values; times in ISO 8601, UTC."""
        start, end = self.freeze.start.timestamp(), self.freeze.end
        return {
            "id": self.id,
            "cluster": self.freeze.cluster or None,
            "start": _iso(start),
            "end": _iso(end.timestamp() if end else None),
            "reason": self.freeze.reason,
            "who": self.who,
        }


class Schedules:
    """The scheduled upgrades and freezes of one state. `now` is given by who asks: seconds since the epoch."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._engine = store.engine

    # -- schedules -----------------------------------------------------------------------------------------------

    def add(self, plan: UpgradePlan, asked: Asked, now: float) -> Schedule:
        """Keep that `plan` shall be carried out. Raises RefusedError where the cluster has a schedule already."""
        return self.add_all([(plan, asked)], now)[0]

    def add_all(self, wanted: Iterable[tuple[UpgradePlan, Asked]], now: float) -> list[Schedule]:
        """Keep that plans shall be carried out: all or, whatever happens meanwhile, none. Raises as `add` does."""
        made: list[Schedule] = []
        with self._engine.begin() as connection:
            for plan, asked in wanted:
                content = json.dumps(plan.as_json(), separators=(",", ":")).encode()
                one = _made(plan, asked, hashlib.sha256(content).hexdigest(), now)
                told = {"notify": json.dumps(one.notify), "status": str(one.status)}
                row = {**vars(one), **told, "open": _key(one.management, one.cluster)}
                contents.keep(connection, {one.plan: content})
                try:
                    connection.execute(schedules.insert(), row)
                except sa.exc.IntegrityError as error:
                    raise RefusedError(
                        "scheduling the upgrade of",
                        on=one.cluster,
                        why="one is scheduled already",
                        remedy="See `ws-deployment upgrade status`; `upgrade cancel` makes room.",
                    ) from error
                made.append(one)
        return made

    def plan(self, schedule: Schedule) -> UpgradePlan:
        """The plan that was reviewed."""
        return UpgradePlan.from_json(json.loads(contents.read(self._engine, schedule.plan)))

    def all(self) -> list[Schedule]:
        """All that were ever made, the newest first."""
        return self._fetch(sa.select(schedules).order_by(schedules.c.created.desc(), schedules.c.id))

    def open(self) -> list[Schedule]:
        """Those that have not come to an end, the next first."""
        return self._fetch(
            sa.select(schedules).where(schedules.c.open.is_not(None)).order_by(schedules.c.opens, schedules.c.cluster)
        )

    def find(self, name: str) -> Schedule:
        """The schedule of that id, or the open one of that cluster (`name` or `namespace/name`). Raises UsageError."""
        found = self._fetch(sa.select(schedules).where(schedules.c.id == name))
        found = found or [one for one in self.open() if name in {one.cluster, one.cluster.partition("/")[2]}]
        if len(found) == 1:
            return found[0]
        why = f"it fits {', '.join(one.cluster for one in found)}" if found else "nothing is scheduled for it"
        raise UsageError("finding the schedule of", on=name, why=why, remedy="See `ws-deployment upgrade status`.")

    def move(self, schedule: Schedule, status: Stage, now: float, outcome: str = "") -> bool:
        """Note how it stands now; False where it is not as `schedule` says any more: somebody else was faster."""
        values: dict[str, Any] = {"status": str(status), "outcome": outcome, "changed": now}
        if status not in _OPEN:
            values["open"] = None
        same = sa.and_(schedules.c.id == schedule.id, schedules.c.status == str(schedule.status))
        with self._engine.begin() as connection:
            return connection.execute(schedules.update().where(same).values(**values)).rowcount > 0

    def announce(self, schedule: Schedule, now: float) -> None:
        """Note that it was announced."""
        with self._engine.begin() as connection:
            mine = schedules.c.id == schedule.id
            connection.execute(schedules.update().where(mine).values(announced=now))

    def cancel(self, name: str, reason: str, now: float) -> Schedule:
        """End a schedule before its time. Raises RefusedError for one that has begun or ended."""
        found = self.find(name)
        outcome = f"by {_who()}" + (f": {reason}" if reason else "")
        if found.status is Stage.SCHEDULED and self.move(found, Stage.CANCELLED, now, outcome):
            return self.find(found.id)
        raise RefusedError(
            "cancelling the upgrade of",
            on=found.cluster,
            why=f"it is {self.find(found.id).status}",
            remedy="Only what has not begun can be cancelled.",
        )

    def clear(self, plans: Iterable[UpgradePlan], now: float) -> list[Schedule]:
        """End the schedules of clusters that were upgraded at once, by who holds their leases."""
        keys = {_key(plan.management, _name(plan)) for plan in plans}
        mine = [one for one in self.open() if _key(one.management, one.cluster) in keys]
        return [
            self.find(one.id) for one in mine if self.move(one, Stage.CLEARED, now, f"{_who()} upgraded it at once")
        ]

    def _fetch(self, query: sa.Select[Any]) -> list[Schedule]:
        with self._engine.connect() as connection:
            return [_schedule(dict(row)) for row in connection.execute(query).mappings()]

    # -- freezes -------------------------------------------------------------------------------------------------

    def freeze(self, wanted: Freeze) -> KeptFreeze:
        """Keep a freeze."""
        made = KeptFreeze(uuid.uuid4().hex[:8], wanted, _who())
        row = {
            "id": made.id,
            "cluster": wanted.cluster,
            "start": wanted.start.timestamp(),
            "end": wanted.end.timestamp() if wanted.end else None,
            "reason": wanted.reason,
            "who": made.who,
        }
        with self._engine.begin() as connection:
            connection.execute(freezes.insert(), row)
        return made

    def lift(self, name: str, now: float) -> KeptFreeze:
        """End a freeze. Raises UsageError for an id that no freeze has."""
        for one in self.kept_freezes(now):
            if one.id == name:
                with self._engine.begin() as connection:
                    connection.execute(freezes.update().where(freezes.c.id == name).values(lifted=now))
                return one
        raise UsageError("lifting", on=name, why="there is no such freeze", remedy="See `upgrade freeze --list`.")

    def kept_freezes(self, now: float) -> list[KeptFreeze]:
        """The freezes that hold now or will, the first first."""
        there = sa.and_(freezes.c.lifted.is_(None), sa.or_(freezes.c.end.is_(None), freezes.c.end > now))
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(freezes).where(there).order_by(freezes.c.start, freezes.c.id)
            ).mappings()
            return [_freeze(dict(row)) for row in rows]

    def freezes(self, now: float) -> list[Freeze]:
        """The same, as the calendar knows them."""
        return [one.freeze for one in self.kept_freezes(now)]


def lease_of(upgrade: Schedule | UpgradePlan) -> str:
    """The name of the lease that who upgrades the cluster holds."""
    cluster = upgrade.cluster if isinstance(upgrade, Schedule) else _name(upgrade)
    return f"upgrade/{_key(upgrade.management, cluster)}"


def _made(plan: UpgradePlan, asked: Asked, digest: str, now: float) -> Schedule:
    """A new schedule of the plan that is kept under `digest`."""
    return Schedule(
        id=uuid.uuid4().hex[:12],
        management=plan.management,
        cluster=_name(plan),
        from_version=plan.from_version,
        to_version=plan.to_version,
        plan=digest,
        fingerprint=plan.fingerprint,
        text=asked.text,
        zone=asked.zone,
        opens=asked.opening.start.timestamp(),
        closes=asked.opening.end.timestamp(),
        ahead=asked.ahead,
        status=Stage.SCHEDULED,
        outcome="",
        who=_who(),
        created=now,
        changed=now,
        notify=asked.notify,
    )


def _name(plan: UpgradePlan) -> str:
    return f"{plan.namespace}/{plan.cluster}"


def _key(management: str, cluster: str) -> str:
    return f"{management}/{cluster}"


def _schedule(row: dict[str, Any]) -> Schedule:
    row.pop("open")
    return Schedule(**{**row, "notify": tuple(json.loads(row["notify"])), "status": Stage(row["status"])})


def _freeze(row: dict[str, Any]) -> KeptFreeze:
    start = datetime.fromtimestamp(row["start"], UTC)
    end = None if row["end"] is None else datetime.fromtimestamp(row["end"], UTC)
    return KeptFreeze(row["id"], Freeze(start, end, row["reason"], row["cluster"]), row["who"])


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _who() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
