"""A shift of several attempts, each cut off anywhere, is undone as one: at a router that lives in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from harness.cluster_context import a_cluster
from harness.memory_router import MemoryRouter
from harness.meta_context import MetaContext
from hypothesis import given
from hypothesis import strategies as st
from ws_deployment_steps import shift_back
from ws_deployment_steps.traffic_shift import TrafficShift, TrafficShiftParameters

from ws_deployment.engine.undoing import undo_as_json, undo_from_json
from ws_deployment.errors import RefusedError
from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import ITrafficRouter, MetaCluster, Registration, Stage, StepPlan, SubTask, Undo
from ws_deployment.traffic.ramp import ramp
from ws_deployment.traffic.restore import takes_starts

BEFORE = (
    Registration("eu15", 20, available=True),
    Registration("eu16", 70, available=True),
    Registration("eu17", 50, available=False),
    Registration("us3", 10, available=True),
)
CONTEXT = MetaContext(Path("nowhere"), None, clusters=(a_cluster("existing", governed_by=(Governance("meta"),)),))


def memory() -> MemoryRouter:
    return MemoryRouter(CONTEXT, BEFORE)


def attempt(router: MemoryRouter, journaled: int, *, one_more: bool) -> tuple[tuple[SubTask, ...], tuple[str, ...]]:
    """Plan from what is there, as the step does, and make some of the writes; the plan, and what was journaled."""
    there = router.registrations()
    old = [each.name for each in there if each.name in {"eu15", "eu16"} and each.available]
    stages = ramp(["eu17"], old, there, [10, 50, 100], 60)
    planned = [subtask for stage in stages for subtask in (*router.subtasks(stage), *hold(stage))]
    effects = [subtask for subtask in planned if not subtask.hold]
    made = effects[: journaled + one_more]
    for subtask in made:
        router.carry_out(subtask)
    # Holds before a write that was begun are over; of that write nothing is journaled.
    done = planned[: planned.index(made[-1]) + (len(made) <= journaled)] if made else []
    return shift_back.remembering(planned, there, {"eu17"}), tuple(subtask.name for subtask in done)


def hold(stage: Stage) -> Sequence[SubTask]:
    return (SubTask(f"{stage.percent:g}%/hold", hold=stage.hold),) if stage.hold else ()


ATTEMPTS = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=4)


@given(attempts=ATTEMPTS, cut=st.integers(0, 9))
def test_all_attempts_are_undone_as_one(attempts: list[tuple[int, bool]], cut: int) -> None:
    router = memory()
    planned: list[SubTask] = []
    finished: list[str] = []
    for journaled, one_more in attempts:
        subtasks, names = attempt(router, journaled, one_more=one_more)
        planned += subtasks
        finished += names
    undo = Undo(StepPlan("shift", subtasks=tuple(planned)), tuple(finished))
    for end in (cut, None):
        for subtask in shift_back.plan(router, undo).subtasks[:end]:
            shift_back.carry_out(router, subtask, undo)
            assert takes_starts(router.now.values())
    shift_back.verify(router, undo)
    assert tuple(router.now.values()) == BEFORE


def test_writes_that_are_not_told_are_not_guessed() -> None:
    subtask = SubTask("shift", data={"before": {}})
    told = shift_back.remembering((subtask,), BEFORE, ())
    assert shift_back.plan(memory(), Undo(StepPlan("shift", subtasks=(SubTask("run"),)))).subtasks == ()
    with pytest.raises(RefusedError, match="does not tell what it wrote"):
        shift_back.plan(memory(), Undo(StepPlan("shift", subtasks=told)))
    with pytest.raises(RefusedError, match="does not tell what it wrote"):
        shift_back.plan(memory(), Undo(StepPlan("shift", subtasks=(replace(told[0], name="x"),))))


def test_what_a_later_run_left_is_not_taken_for_a_write_that_this_one_never_came_to() -> None:
    router = memory()
    planned, finished = attempt(router, 4, one_more=False)
    undo = Undo(StepPlan("shift", subtasks=planned), finished)
    assert {name.partition("%")[0] for name in finished} == {"10"}
    # The last stage of this shift would have left it so.
    router.now["eu16"] = replace(router.now["eu16"], score=0, available=False)
    with pytest.raises(RefusedError, match="weights/eu16: eu16 has score 0, cordoned"):
        shift_back.plan(router, undo)


class Again(MetaContext):
    """Plans the shift again and again at a router in memory, as a run that is retried does."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"), None, clusters=CONTEXT.fleet.workspace_clusters)
        self.router = memory()
        self.planned: list[SubTask] = []
        self.finished: list[str] = []
        self.step = TrafficShift(TrafficShiftParameters(stages=(10, 50, 100), hold=0))

    def traffic_router(self, via: str, options: object, meta: MetaCluster) -> ITrafficRouter:
        del via, options, meta
        return self.router

    def attempt(self, journaled: int | None, *, one_more: bool = False) -> StepPlan:
        """Plan, and make some of the writes; all of them with None."""
        plan = self.step.plan(self)
        made = list(plan.subtasks) if journaled is None else list(plan.subtasks[: journaled + one_more])
        self.router.carry_out_all(made)
        self.planned += plan.subtasks
        self.finished += [subtask.name for subtask in made][: len(made) - one_more]
        undo = Undo(StepPlan("shift", subtasks=tuple(self.planned)), tuple(self.finished))
        # As the run's record keeps it.
        self.attempted = undo_from_json(json.loads(json.dumps(undo_as_json(undo))))
        return plan


def whole() -> Again:
    context = Again()
    context.attempt(None)
    return context


@given(attempts=ATTEMPTS)
def test_a_shift_that_is_tried_again_ends_as_an_uninterrupted_one(attempts: list[tuple[int, bool]]) -> None:
    """Beside us3 the group keeps its 90 points; what a half-written stage adds to them is not taken for wanted."""
    end = whole().router.now
    assert sum(each.effective for name, each in end.items() if name != "us3") == 90
    context = Again()
    for journaled, one_more in attempts:
        context.attempt(journaled, one_more=one_more)
    context.attempt(None)
    assert context.router.now == end
    context.step.verify(context)
    # What was cordoned by an earlier attempt is among those that are taken over from: a retirement asks for them.
    first = context.step.plan(context)
    assert not first.subtasks or first.subtasks[0].data["old"] == ["eu15", "eu16"]


def test_old_clusters_that_an_earlier_attempt_has_cordoned_are_still_old() -> None:
    context = Again()
    plan = context.attempt(None)
    assert plan.subtasks[0].data["old"] == ["eu15", "eu16"]
    cut = Again()
    place = [subtask.name for subtask in plan.subtasks].index("100%/eu15/cordoned")
    cut.attempt(place + 1)
    assert not cut.router.now["eu15"].available
    assert cut.router.now["eu16"].available
    assert cut.attempt(None).subtasks[0].data["old"] == ["eu15", "eu16"]


def test_another_cluster_of_an_old_ones_name_is_not_old() -> None:
    cut = Again()
    before = {name: replace(each, url=f"https://{name}") for name, each in cut.router.now.items()}
    cut.router.now = dict(before)
    cut.attempt(None)
    cut.router.now["eu15"] = replace(before["eu15"], url="https://another", available=False)
    assert "eu15" not in cut.step.plan(cut).summary
