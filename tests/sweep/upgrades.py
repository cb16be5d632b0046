"""Upgrades that are killed: applied, scheduled, carried out at their time, committed, and as steps of a run.

Equal must be at the end the clusters' objects (with their generations and who holds which field), what is scheduled,
the leases and the repository. What was written is counted by the API server's audit log, and by the repository's own:
nothing may be written once more, not even what was under way at the kill.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sweep.final import Final, final
from sweep.kills import Operation, Point, Rollback, Run
from sweep.upgrade_world import BRANCH, HOOKS, UPGRADED, UpgradeWorld
from sweep.world import Ended

_SCHEDULES = (
    "SELECT cluster, from_version, to_version, text, status, outcome, open IS NOT NULL AS open,"
    " announced IS NOT NULL AS announced FROM wsd_schedules ORDER BY cluster, created"
)


@dataclass(frozen=True)
class Command:
    """One command; after a kill it is given again. `before` makes what it needs."""

    words: Callable[[UpgradeWorld], Sequence[str]]
    before: Callable[[UpgradeWorld], None]
    kind = "upgrade"
    code = 0

    def begin(self, world: Any, **plan: Any) -> Ended:
        return world.command("upgrade", *self.words(world), **plan)  # type: ignore[no-any-return]  # an operation takes any world


class Schedule(Command):
    """`upgrade schedule`: all of the plans or none; once it was done, that is said when it is asked for again."""

    def begin(self, world: Any, **plan: Any) -> Ended:
        there = world.rows(_SCHEDULES)
        ended = super().begin(world, **plan)
        if len(there) not in {0, len(UPGRADED)}:
            return replace(ended, code=1, text=f"half of it was scheduled: {there}\n{ended.text}")
        refused = there and ended.code == 3 and "one is scheduled already" in ended.text
        return replace(ended, code=0) if refused else ended


def _planned(world: UpgradeWorld) -> None:
    world.make_plans()


def _applied(world: UpgradeWorld) -> None:
    """It is scheduled, too: then leases are taken, and the schedules cleared."""
    world.schedule(world.make_plans(), 9000.0)


def _due(world: UpgradeWorld) -> None:
    """Two upgrades are due, one is to be announced."""
    *now, later = world.make_plans((*UPGRADED, "beta"))
    world.schedule(now, -5.0)
    world.schedule([later], 600.0)


def _committed(world: UpgradeWorld) -> None:
    world.make_plans()
    world.make_origin()


def _ran(world: UpgradeWorld) -> None:
    world.make_run()
    ended = world.run()
    assert ended.code == 0, ended.text


_RUN: dict[str, tuple[Operation, Callable[[UpgradeWorld], None]]] = {
    "upgrade-run": (Run(), UpgradeWorld.make_run),
    "upgrade-rollback": (Rollback(("--force-parts", "irreversible/alpha")), _ran),
}
_COMMANDS = {
    "apply": Command(lambda world: ("apply", str(world.plan)), _applied),
    "schedule": Schedule(lambda world: ("schedule", str(world.plan), "--at", "2099-01-01T02:00Z"), _planned),
    "due": Command(lambda _: ("due",), _due),
    "commit": Command(
        lambda world: ("commit", str(world.plan), "--repo", str(world.origin), "--branch", BRANCH), _committed
    ),
}
UPGRADES = (*_COMMANDS, *_RUN)


def prepared_upgrade(world: UpgradeWorld, kind: str) -> Operation:
    """What is killed, with what must have gone before it."""
    if kind in _RUN:
        operation, before = _RUN[kind]
    else:
        operation, before = _COMMANDS[kind], _COMMANDS[kind].before
    before(world)
    return operation


def pushes(kind: str) -> list[Point]:
    """Moments of a push, beside writes."""
    return [Point(f"hook {hook}", "in") for hook in HOOKS] if kind == "commit" else []


def final_upgrade(world: UpgradeWorld) -> Final:
    """What there is now. Its `calls` are what was written to the API."""
    found = final(world)
    state = {
        **found.state,
        "objects": world.management.objects(world.space),
        "schedules": [_without_space(row, world.space) for row in world.rows(_SCHEDULES)],
        "plans kept": len(world.rows("SELECT digest FROM wsd_contents")),
        "repository": _repository(world),
    }
    return replace(found, state=state)


def _repository(world: UpgradeWorld) -> dict[str, Any]:
    """Its branches, what is upon the new one, and how often that was moved."""
    if not world.origin.exists():
        return {}
    told: dict[str, Any] = {
        "branches": world.git(world.origin, "branch", "--list", "--format=%(refname:short)").split(),
        "faults": world.git(world.origin, "fsck", "--strict", "--no-dangling"),
    }
    if BRANCH in told["branches"]:
        told["commits"] = world.git(world.origin, "log", "--format=%s, by %an", f"main..{BRANCH}")
        lines = world.git(world.origin, "diff", "main", BRANCH).splitlines()
        told["difference"] = "\n".join(line for line in lines if not line.startswith("index "))
        told["moves"] = len(world.git(world.origin, "reflog", "show", BRANCH, "--format=%H").splitlines())
    return _without_space(told, world.space)


def _without_space(told: dict[str, Any], space: str) -> dict[str, Any]:
    return {key: value.replace(space, "SPACE") if isinstance(value, str) else value for key, value in told.items()}
