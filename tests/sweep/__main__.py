"""The full sweep: every write of a run, of its rollback (with and without the removal of what it made), of a shift that
is turned back, of a retirement, of upgrades, both sides; and 100 moments drawn at random.

    python -m sweep [--shard 1/4] [--folder sweep-results] [--only run rollback …] [--most 20]

What was tried is kept in the folder and not tried again, so that the sweep can be done in parts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from harness.lab_tools import real_tools_folder
from sweep.faults import FAULTS, suffered
from sweep.final import Final, final
from sweep.kills import Asking, Operation, Point, Result, Retire, Rollback, Run, TurnedBack, killed_at, points
from sweep.management import ManagementCluster, management_cluster
from sweep.upgrade_world import UpgradeWorld
from sweep.upgrades import UPGRADES, final_upgrade, prepared_upgrade, pushes
from sweep.world import ASKING, BARE, WATCHED, World, of_one

#: Moments drawn at random for a run.
RANDOM, SEED = 100, 20261121
OPERATIONS: dict[str, Operation] = {
    "run": Run(),
    "random": Run(),
    "rollback": Rollback(),
    "destroy": Rollback(("--destroy",)),
    "turnback": TurnedBack(),
    "retire": Retire(),
}
#: Faults of the world come to these.
SUFFERING: dict[str, Operation] = {"run": Run(), "asking": Asking()}
#: Operations that are killed in a world of one cluster, and its pipeline.
SMALL = {"retire": BARE, "turnback": WATCHED, "destroy": BARE, "asking": ASKING}
#: What is swept with a kind that is asked for: what was scheduled is carried out, what was upgraded taken back.
WITH = {"schedule": ("schedule", "due"), "upgrade-run": ("upgrade-run", "upgrade-rollback")}


class Sweep:
    """What is known and done of a sweep, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.tools = real_tools_folder()
        self.management: ManagementCluster | None = None
        self._lock = threading.Lock()
        self._results = folder / "results.jsonl"

    def done(self) -> list[dict[str, object]]:
        """All results so far."""
        return [json.loads(line) for line in self._results.read_text().splitlines()] if self._results.exists() else []

    def undisturbed(self, kind: str) -> tuple[list[str], float, Final]:
        """Writes, seconds and end of the operation that nobody disturbs; looked at once."""
        path = self.folder / f"undisturbed-{kind}.json"
        if not path.exists():
            with self.world(kind) as world:
                operation = prepared(world, kind)
                ended = operation.begin(world)
                if ended.code != operation.code:
                    sys.exit(f"the undisturbed {kind} failed:\n{ended.text}")
                told = {"written": world.written(), "seconds": ended.seconds, "final": asdict(_looked_at(world))}
            path.write_text(json.dumps(told))
        told = json.loads(path.read_text())
        return told["written"], told["seconds"], Final(**told["final"])

    def points(self, kind: str) -> list[Point]:
        """Where to kill."""
        if kind == "faults":
            return [Point(name, "fault") for name in FAULTS]
        written, seconds, _ = self.undisturbed(kind)
        if kind != "random":
            return [*points(written), *pushes(kind)]
        draw = random.Random(SEED)
        return [Point("seconds", f"{draw.uniform(0.3, seconds):.3f}") for _ in range(RANDOM)]

    def attempt(self, kind: str, point: Point) -> Result:
        """Kill there, go on, compare."""
        with self.world(_suffering(point) if kind == "faults" else kind) as world:
            try:
                result = self._attempt(world, kind, point)
            except Exception as error:  # noqa: BLE001  a world in which nothing can be read is a difference too
                result = Result(str(point), reached=True, seconds=0.0, differences=[f"{type(error).__name__}: {error}"])
            self._keep(kind, result, world)
        return result

    def _attempt(self, world: World, kind: str, point: Point) -> Result:
        if kind == "faults":
            return suffered(world, [FAULTS[point.label]], self.undisturbed(_suffering(point))[2], str(point))
        operation = prepared(world, kind)
        undisturbed = self.undisturbed(kind)[2]
        first, *rest = killed_at(
            world, operation, [point], undisturbed, look=_looked_at, repeats=not isinstance(world, UpgradeWorld)
        )
        last = rest[-1] if rest else first
        seconds = first.seconds + sum(each.seconds for each in rest)
        return Result(str(point), first.reached, seconds, last.differences, last.notes)

    def _keep(self, kind: str, result: Result, world: World) -> None:
        with self._lock, self._results.open("a") as file:
            file.write(json.dumps({"kind": kind, **asdict(result)}) + "\n")
        if result.differences or result.notes:
            name = "".join(each if each.isalnum() else "-" for each in f"{kind}-{result.point}")[:150]
            (self.folder / f"{name}.log").write_bytes((world.top / "said").read_bytes())

    def world(self, kind: str) -> Ending:
        """A new world that ends with the block."""
        top = Path(tempfile.mkdtemp(prefix="sweep-"))
        if kind in UPGRADES:
            assert self.management
            return Ending(UpgradeWorld(top, self.tools, self.management))
        return Ending(of_one(top, self.tools, SMALL[kind]) if kind in SMALL else World(top, self.tools))


class Ending:
    """Ends a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> World:
        return self._world

    def __exit__(self, *_: object) -> None:
        self._world.end()


def prepared(world: World, kind: str) -> Operation:
    """The operation, with what must have gone before it."""
    if isinstance(world, UpgradeWorld):
        return prepared_upgrade(world, kind)
    if kind in {"rollback", "destroy", "retire"}:
        ended = world.run()
        if ended.code:
            sys.exit(f"the run before the {kind} failed:\n{ended.text}")
    if kind == "retire":
        world.make_old()
    return (OPERATIONS | SUFFERING)[kind]


def _looked_at(world: World) -> Final:
    return final_upgrade(world) if isinstance(world, UpgradeWorld) else final(world)


def _suffering(point: Point) -> str:
    return "asking" if FAULTS[point.label].asking else "run"


def main() -> None:
    """Try what is left of a shard; exits with 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="python -m sweep", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--shard", default="1/1", help="which part of how many, like 2/4")
    parser.add_argument("--folder", type=Path, default=Path("sweep-results"))
    parser.add_argument("--only", nargs="*", default=[*OPERATIONS, *UPGRADES, "faults"])
    parser.add_argument("--most", type=int, help="try so many at most")
    parser.add_argument("--parallel", type=int, default=2)
    told = parser.parse_args()
    number, parts = map(int, told.shard.split("/"))
    kinds = list(dict.fromkeys(each for kind in told.only for each in WITH.get(kind, (kind,))))
    sweep = Sweep(told.folder)
    with ExitStack() as stack:
        if set(kinds) & set(UPGRADES):
            sweep.management = stack.enter_context(management_cluster(sweep.tools))
        tried = {(each["kind"], each["point"]) for each in sweep.done()}
        every = [(kind, point) for kind in kinds for point in sweep.points(kind)]
        random.Random(SEED).shuffle(every)  # a part of it is a sample of the whole
        left = [each for each in every[number - 1 :: parts] if (each[0], str(each[1])) not in tried][: told.most]
        print(f"{len(left)} to try, {len(tried)} tried before", flush=True)
        began = time.monotonic()
        with ThreadPoolExecutor(told.parallel) as pool:
            for (kind, point), result in zip(left, pool.map(lambda each: sweep.attempt(*each), left), strict=True):
                words = "; ".join(result.differences) or ("same" if result.reached else "ended before")
                print(f"{kind} {point}: {result.seconds:.1f} s, {words}", flush=True)
        if left:
            print(f"{(time.monotonic() - began) / len(left):.1f} s a point")
    results = sweep.done()
    for line in summary(results):
        print(line)
    sys.exit(any(each["differences"] for each in results))


def summary(results: Iterable[dict[str, object]]) -> Iterator[str]:
    """Tried, reached and different, a line a kind."""
    for kind in dict.fromkeys(each["kind"] for each in results):
        mine = [each for each in results if each["kind"] == kind]
        reached = [each for each in mine if each["reached"]]
        different = [each for each in mine if each["differences"]]
        yield f"{kind}: {len(reached)} tried, {len(different)} with differences, {len(mine) - len(reached)} not reached"


if __name__ == "__main__":
    os.umask(0o077)
    main()
