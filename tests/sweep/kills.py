"""Kills a run or a rollback once, goes on with it, and tells what is not as it would have been."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol

from sweep.final import Final, Interruption, differences, final
from sweep.world import Ended, World

#: Writes of pollers of the durable library that change no row.
_IDLE = ("update workflow_status ENQUEUED", "update workflow_status CANCELLED")


def journaling(entry: str, segment: str = "meta/traffic-shift") -> str:
    """Label of the write that journals an entry of a segment."""
    return f"update workflow_status + insert operation_outputs {entry} RUN/{segment} #1"


@dataclass(frozen=True)
class Point:
    """Where to kill: right `before` or `after` the write of that label, or `after` so many seconds."""

    label: str
    side: str

    @property
    def plan(self) -> dict[str, Any]:
        if self.label == "seconds":
            return {"kill_after": float(self.side)}
        return {"stop": asdict(self)}

    def __str__(self) -> str:
        return f"{self.side} {self.label}"


@dataclass(frozen=True)
class Result:
    """What a kill came to. `reached` is false where the command ended before its point."""

    point: str
    reached: bool
    seconds: float
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Operation(Protocol):
    """What is killed: begins it in a world, under a plan. `code` is how the command ends that nobody kills."""

    kind: str
    code: int

    def begin(self, world: World, **plan: Any) -> Ended: ...


class Run:
    """The rollout."""

    kind = "run"
    code = 0

    def begin(self, world: World, **plan: Any) -> Ended:
        return world.run(**plan)


class Asking(Run):
    """A rollout that asks a person, who says yes."""

    def begin(self, world: World, **plan: Any) -> Ended:
        return super().begin(world, answer=lambda _what: None, **plan)


class TurnedBack(Run):
    """A rollout whose gate finds the new cluster bad: what it wrote is taken back within the shift."""

    code = 7


class Retire:
    """The retirement of what the rollout made, when others have its traffic again."""

    kind = "retire"
    code = 0

    def begin(self, world: World, **plan: Any) -> Ended:
        return world.retire(**plan)


@dataclass(frozen=True)
class Rollback:
    """Its undoing."""

    flags: tuple[str, ...] = ()
    kind = "rollback"
    code = 0

    def begin(self, world: World, **plan: Any) -> Ended:
        return world.rollback(*self.flags, **plan)


def points(written: Sequence[str]) -> list[Point]:
    """Both sides of every write of an undisturbed command."""
    labels = [label for label in written if label.rpartition(" #")[0] not in _IDLE]
    return [Point(label, side) for label in labels for side in ("before", "after")]


def killed_at(
    world: World,
    operation: Operation,
    chain: Sequence[Point],
    undisturbed: Final,
    skipped: int | None = None,
    *,
    look: Callable[[Any], Final] = final,
    repeats: bool = True,
) -> list[Result]:
    """Kill at each point of the chain in turn, going on after each; the last result tells what differs at the end.

    Of the undisturbed calls so many are `skipped`, made before the operation; default: as many as here. `look` tells
    what there is at the end. Without `repeats`, what was under way at a kill must not have happened once more either.
    """
    before = len(world.bridge_calls())
    earlier = world.runs()
    undisturbed = replace(undisturbed, calls=undisturbed.calls[before if skipped is None else skipped :])
    results: list[Result] = []
    kills: list[Interruption] = []
    left: tuple[Any, ...] = ()
    told: list[str] = []
    for point in chain:
        ended = _go_on(world, operation, told, earlier, left=left, **point.plan)
        results.append(Result(str(point), ended.killed, ended.seconds))
        told += _faults(ended, {operation.code} | ({-9} if ended.killed else set()))
        if not ended.killed:
            break
        left = ended.left
        kills.append(
            Interruption(
                world.journaled() if world.runs() > earlier else frozenset(), tuple(world.bridge_calls()[before:])
            )
        )
    if results[-1].reached:
        ended = _go_on(world, operation, told, earlier, left=left)
        told += _faults(ended, {operation.code})
        results.append(Result("to the end", reached=True, seconds=ended.seconds))
    found = look(world)
    told += differences(undisturbed, replace(found, calls=found.calls[before:]), kills if repeats else [])
    overlaps = world.overlaps.read_text().splitlines() if world.overlaps.exists() else []
    last = results[-1]
    results[-1] = Result(last.point, last.reached, last.seconds, told, overlaps)
    return results


def _go_on(world: World, operation: Operation, told: list[str], earlier: int, **plan: Any) -> Ended:
    """Begin, or go on with what was begun after the `earlier` runs; what has come to its end is left alone."""
    newest = world.rows("SELECT finished FROM wsd_runs ORDER BY created DESC LIMIT 1")
    if world.runs() == earlier:
        told += [f"before it began there was {thing}" for thing in made(world)] if operation.kind == "run" else []
        return operation.begin(world, **plan)
    if newest[0]["finished"]:
        return Ended(operation.code, "", 0.0)
    return world.resume(**plan)


def made(world: World) -> list[str]:
    """What a run makes and nothing that only prepares it: clusters, Terraform instances, calls to the bridge."""
    folders = [*(world.state / "lab" / "clusters").glob("*"), *(world.state / "fleets").glob("*/*/terraform")]
    return [*map(str, folders), *world.bridge_calls()]


def _faults(ended: Ended, codes: set[int]) -> list[str]:
    told = []
    if ended.code not in codes:
        told.append(f"exit code {ended.code}: …{ended.text[-2500:]}")
    if "Traceback (most recent call last)" in ended.text:
        told.append(f"a traceback: …{ended.text[-1500:]}")
    return told
