"""What a shift is planned to do, in which order, and what of it there is to be undone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness.cluster_context import a_cluster
from harness.memory_router import MemoryRouter
from harness.meta_context import MetaContext
from ws_deployment_steps import warmup
from ws_deployment_steps.traffic_shift import TrafficShift, TrafficShiftParameters

from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import Change, ITrafficRouter, MetaCluster, NotYetError, Registration, StepPlan, Undo

NEW = a_cluster("existing", governed_by=(Governance("meta"),))
OTHER = a_cluster("existing", governed_by=(Governance("meta"),), short_name="us17", prefix="us")
BEFORE = (
    Registration("eu16", 50, available=True),
    Registration("us16", 50, available=True),
    Registration("eu17", 50, available=False),
    Registration("us17", 50, available=False),
)


class Context(MetaContext):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, None, clusters=(NEW, OTHER))
        self.router = MemoryRouter(self, BEFORE)

    def traffic_router(self, via: str, options: Any, meta: MetaCluster) -> ITrafficRouter:
        del via, options, meta
        return self.router


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path)


def shift(**parameters: Any) -> TrafficShift:
    return TrafficShift(TrafficShiftParameters.model_validate({"stages": [10, 100], "hold": 0, **parameters}))


def names(plan: StepPlan) -> list[str]:
    return [subtask.name for subtask in plan.subtasks]


def test_before_each_stage_there_is_waited_for_room_and_its_pods_go_at_the_end(context: Context) -> None:
    plan = shift(warmup={"room": 1.5, "reserve": {}, "onLimit": "rollback"}).plan(context)
    told = names(plan)
    waits = [told.index(f"{percent}%/warmup") for percent in (10, 100)]
    assert waits[0] == 0
    assert all(name.startswith("10%/") for name in told[: waits[1]])
    assert told[-1] == "100%/release"
    assert all(plan.subtasks[place].watches for place in waits)
    assert (
        "10%/warmup: wait until the new clusters have room for 1.5 times 10 % of the workspaces, kept by Pods of low "
        "priority; for 30m00s, then it turns back"
    ) in plan.diff


def test_without_pods_there_are_none_to_go_and_without_old_clusters_nothing_is_to_come(context: Context) -> None:
    assert not [name for name in names(shift(warmup={}).plan(context)) if "release" in name]
    context.router.now = {each.name: each for each in BEFORE[2:]}
    assert not [name for name in names(shift(warmup={}).plan(context)) if "warmup" in name]


def test_pods_that_keep_room_go_with_a_way_back_after_its_writes(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = shift(warmup={"reserve": {}})
    plan = step.plan(context)
    asked: list[list[str]] = []
    monkeypatch.setattr(warmup, "reserved", lambda _context, names: asked.append(list(names)) or list(names))
    # Nothing but the wait was done: there are only its Pods to be undone.
    back = step.plan_rollback(context, Undo(plan, ()))
    assert (names(back), back.change) == (["0%/release"], Change.UPDATE)
    writes = [subtask for subtask in plan.subtasks if subtask.name.startswith("10%/") and not subtask.watches]
    for subtask in writes:
        context.router.carry_out(subtask)
    undo = Undo(plan, ("10%/warmup", *(subtask.name for subtask in writes)))
    back = step.plan_rollback(context, undo)
    assert names(back)[-1] == "0%/release"
    assert len(names(back)) > 1
    alone = step.plan_rollback(context, Undo(plan, undo.finished, only=frozenset({"eu17", "eu16"})))
    assert alone.subtasks[-1].data["clusters"] == ["eu17"]
    assert asked[-1] == ["eu17"]


MONITORS = {"canary": {"permission": "monitor"}, "hold": "1h"}


def canary(**parameters: Any) -> TrafficShift:
    return shift(stages=[MONITORS, "approve", 10, 100], **parameters)


def test_a_canary_is_the_first_stage_for_some_users(context: Context) -> None:
    plan = canary().plan(context)
    told = names(plan)
    assert told[:2] == ["canary/eu17/limit", "canary/us17/limit"]
    assert [name for name in told if name.startswith("canary/")][2:] == [
        "canary/hold",
        "canary/approve",
        "canary/eu17/admit",
        "canary/us17/admit",
    ]
    writes = [name for name in told if name.startswith("10%/")]
    assert told[2 : 2 + len(writes)] == writes
    assert plan.summary.endswith("to eu17, us17: a canary of users with the permission `monitor` → 10 % → 100 %")
    assert "canary/eu17/limit: admit only users with the permission `monitor` to eu17" in plan.diff
    watched = names(canary(measure="told").plan(context))
    assert "canary/watch" in watched
    assert watched.index("canary/watch") < watched.index("canary/eu17/admit") < watched.index("10%/watch")


def test_a_canary_that_was_cut_off_is_gone_on_with(context: Context) -> None:
    now = context.router.now
    now["eu17"] = replace(now["eu17"], limited=True)
    now["us17"] = replace(now["us17"], score=5, available=True, limited=True)
    assert names(canary().plan(context))[:2] == ["canary/eu17/limit", "canary/us17/limit"]


def test_a_canary_that_is_over_is_not_begun_again_and_what_it_left_is_lifted(context: Context) -> None:
    now = context.router.now
    now["eu17"] = replace(now["eu17"], score=6, available=True)
    now["us17"] = replace(now["us17"], score=6, available=True, limited=True)
    plan = canary().plan(context)
    assert [name for name in names(plan) if name.startswith("canary/")] == ["canary/us17/admit"]
    assert "no canary: " in plan.diff


def test_with_nothing_to_take_over_from_there_is_no_canary(context: Context) -> None:
    context.router.now = {each.name: each for each in BEFORE[2:]}
    assert not [name for name in names(canary().plan(context)) if name.startswith("canary/")]


def test_before_weights_are_known_the_plan_names_what_can_be_said(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_knows() -> Any:
        raise NotYetError("finding the bridge of", on="meta", why="the lab starts it in a run")

    monkeypatch.setattr(context.router, "registrations", nobody_knows)
    context.dry_run = True
    assert canary(warmup={}).plan(context).summary == (
        "move meta's traffic to eu17, us17: a canary of users with the permission `monitor`, 10 %, 100 %, "
        "holding 0.0s between, waiting for room before each"
    )
