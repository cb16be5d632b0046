"""A shift undone at a real bridge, by a job, or by a team's program: from wherever it was, in whatever pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from harness.certificates import Authority
from harness.cluster_context import a_cluster
from harness.meta_context import MetaContext
from harness.programs import double
from harness.stand_ins import Bridge as RunningBridge
from harness.stand_ins import WsManager, bridge, ws_manager
from ws_deployment_steps.traffic_shift import TrafficShift, TrafficShiftParameters

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import Registration as BridgeRegistration
from ws_deployment.config.v1 import Bridge
from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import Change, Registration, StepPlan, Undo
from ws_deployment.traffic.ramp import shares

pytestmark = pytest.mark.real

NEW = a_cluster("existing", governed_by=(Governance("meta"),), create=False)
NAMES = ("eu15", "eu16", "eu17")


@pytest.fixture(scope="module")
def managers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, WsManager]]:
    authority = Authority()
    with (
        ws_manager(tmp_path_factory.mktemp("eu15"), authority) as eu15,
        ws_manager(tmp_path_factory.mktemp("eu16"), authority) as eu16,
        ws_manager(tmp_path_factory.mktemp("eu17"), authority) as eu17,
    ):
        yield dict(zip(NAMES, (eu15, eu16, eu17), strict=True))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    with bridge(tmp_path_factory.mktemp("meta")) as running:
        yield running


@pytest.fixture
def client(server: RunningBridge, managers: dict[str, WsManager]) -> Iterator[BridgeClient]:
    """The bridge as a run finds it: two old clusters that take starts, and the new one, cordoned."""
    with BridgeClient(server.endpoint) as made:
        for name, manager in managers.items():
            made.deregister_forcibly(name)
            made.register(BridgeRegistration(name, manager.url, manager.client))
        for name, score in (("eu15", 20), ("eu16", 70)):
            made.set_score(name, score)
            made.uncordon(name)
        yield made


class Shift:
    """The step at one meta cluster, and what it has done so far."""

    def __init__(
        self, folder: Path, endpoint: str, via: str = "bridge", options: dict[str, object] | None = None
    ) -> None:
        self.context = MetaContext(folder, Bridge(address=endpoint), {"TOKEN": "s3cret-token"}, (NEW,))
        self.context.splits = []
        self.step = TrafficShift(TrafficShiftParameters(via=via, options=options or {}, stages=(10, 100), hold=60))
        self.plan = self.step.plan(self.context)
        self.effects = [subtask for subtask in self.plan.subtasks if not subtask.hold]
        self.before = self.there()

    def there(self) -> list[Registration]:
        router = self.context.traffic_router(self.step.parameters.via, self.step.parameters.options, self.context.meta)
        return sorted(router.registrations(), key=lambda each: each.name)

    def carry_out(self, journaled: int, *, one_more: bool = False) -> Undo:
        """Make the first writes, and say what a journal knows of them."""
        made = self.effects[: journaled + one_more]
        for subtask in made:
            self.step.run(self.context, subtask)
        # Holds before a write that was begun are over; of that write nothing is journaled.
        names = [subtask.name for subtask in self.plan.subtasks]
        end = names.index(made[-1].name) + (not one_more) if made else 0
        return Undo(self.plan, tuple(names[:end]))

    def go_back(self, undo: Undo, cut: int | None = None) -> StepPlan:
        plan = self.step.plan_rollback(self.context, undo)
        for subtask in plan.subtasks[:cut]:
            # A crash can repeat it.
            self.step.rollback(self.context, subtask, undo)
            self.step.rollback(self.context, subtask, undo)
            assert sum(each.effective for each in self.there()), f"starts have no home after {subtask.name}"
        return plan


def by_program(folder: Path, endpoint: str) -> Shift:
    state = {name: {"name": name, "score": 50, "available": name != "eu17"} for name in NAMES}
    (folder / "state.json").write_text(json.dumps(state))
    options = {
        "command": [double("meta_command", folder)],
        "environment": {"STATE": str(folder / "state.json")},
        "secretEnvironment": {"TOKEN": {"variable": "TOKEN"}},
    }
    return Shift(folder, endpoint, "command", options)


@pytest.mark.parametrize("via", ["bridge", "command"])
@pytest.mark.parametrize("one_more", [False, True])
def test_from_every_write_back_to_what_was(via: str, one_more: bool, tmp_path: Path, client: BridgeClient) -> None:
    shift = Shift(tmp_path, client.endpoint) if via == "bridge" else by_program(tmp_path, client.endpoint)
    # At the bridge from every state; a program, a process each call, is asked at the end alone.
    starts = range(1 - one_more, len(shift.effects) + 1 - one_more) if via == "bridge" else [len(shift.effects)]
    for journaled in starts:
        undo = shift.carry_out(journaled, one_more=one_more)
        for cut in (1, 2, None):
            plan = shift.go_back(undo, cut)
        shift.step.verify_rollback(shift.context, undo)
        assert shift.there() == shift.before
        assert shift.step.plan_rollback(shift.context, undo).change is Change.NONE
        assert len({subtask.name for subtask in plan.subtasks}) == len(plan.subtasks)
    assert shift.context.splits


def test_the_way_back_reads_well(tmp_path: Path, client: BridgeClient) -> None:
    shift = Shift(tmp_path, client.endpoint)
    undo = shift.carry_out(len(shift.effects))
    with pytest.raises(WsDeploymentError, match="not as before it: eu15, eu16, eu17"):
        shift.step.verify_rollback(shift.context, undo)
    plan = shift.go_back(undo)
    assert plan.summary == "put the weights at meta back: eu15 22 %, eu16 78 %"
    assert plan.diff.splitlines() == [
        "0%/eu15/score: score eu15 = 20",
        "0%/eu15/cordoned: uncordon eu15",
        "0%/eu16/score: score eu16 = 70",
        "0%/eu16/cordoned: uncordon eu16",
        "0%/eu17/cordoned: cordon eu17",
    ]
    assert shift.step.plan_rollback(shift.context, undo).summary == "weights at meta are as before"


def test_a_second_attempt_of_the_shift_is_undone_with_the_first(tmp_path: Path, client: BridgeClient) -> None:
    first = Shift(tmp_path, client.endpoint)
    done = first.carry_out(3, one_more=True).finished
    again = Shift(tmp_path, client.endpoint)
    more = again.carry_out(2, one_more=True).finished
    undo = Undo(replace(first.plan, subtasks=(*first.plan.subtasks, *again.plan.subtasks)), (*done, *more))
    first.go_back(undo)
    first.step.verify_rollback(first.context, undo)
    assert first.there() == first.before


@pytest.mark.parametrize("forced", [False, True])
def test_what_a_hand_changed_is_overwritten_by_name_alone(forced: bool, tmp_path: Path, client: BridgeClient) -> None:
    shift = Shift(tmp_path, client.endpoint)
    undo = shift.carry_out(len(shift.effects))
    client.set_score("eu15", 33)
    client.uncordon("eu16")
    client.set_score("eu16", 1)
    if forced:
        shift.go_back(replace(undo, forced=frozenset({"weights/eu15", "weights/eu16"})))
        assert shift.there() == shift.before
        return
    there = shift.there()
    with pytest.raises(RefusedError, match=r"weights/eu15: .*score 33, cordoned.*weights/eu16: .*score 1") as refused:
        shift.go_back(undo)
    assert "--force-parts weights/eu15 --force-parts weights/eu16" in refused.value.remedy
    with pytest.raises(RefusedError, match="weights/eu16"):
        shift.go_back(replace(undo, forced=frozenset({"weights/eu15"})))
    assert shift.there() == there


def test_an_old_cluster_that_is_gone_is_left_out_by_name_alone(tmp_path: Path, client: BridgeClient) -> None:
    shift = Shift(tmp_path, client.endpoint)
    undo = shift.carry_out(len(shift.effects))
    client.deregister("eu16")
    with pytest.raises(RefusedError, match="weights/eu16: eu16, to go back to, is registered no more"):
        shift.go_back(undo)
    undo = replace(undo, forced=frozenset({"weights/eu16"}))
    shift.go_back(undo)
    assert [each for each in shift.before if each.name != "eu16"] == shift.there()
    shift.step.verify_rollback(shift.context, undo)


def test_starts_are_never_left_without_a_home_unasked(tmp_path: Path, client: BridgeClient) -> None:
    shift = Shift(tmp_path, client.endpoint)
    undo = shift.carry_out(len(shift.effects))
    for name in ("eu15", "eu16"):
        client.deregister(name)
    undo = replace(undo, forced=frozenset({"weights/eu15", "weights/eu16"}))
    with pytest.raises(RefusedError, match="starts/meta: nothing at meta would take starts"):
        shift.go_back(undo)
    [there] = shift.there()
    assert there.effective
    # Cordoned by another between the plan and its write.
    cordon = next(one for one in shift.effects if one.data["property"] == "cordoned" and one.data["cluster"] == "eu17")
    with pytest.raises(RefusedError, match="starts/meta"):
        shift.step.rollback(shift.context, replace(cordon, data={**cordon.data, "value": 1}), undo)
    shift.step.plan_rollback(shift.context, replace(undo, forced=undo.forced | {"starts/meta"}))


def jobs(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.job"))


def test_a_job_puts_the_split_back(tmp_path: Path, client: BridgeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "behaviour.json").write_text(json.dumps({"phases": ["PHASE_RUNNING", "PHASE_DONE"], "success": True}))
    monkeypatch.setenv("WERFT_DOUBLE_BRIDGE", client.endpoint)
    options = {
        "repository": "example/shop",
        "job": ".werft/shift-traffic.yaml",
        "program": double("werft", tmp_path),
        "environment": {"WERFT_HOST": str(tmp_path)},
        "poll": 0.01,
    }
    shift = Shift(tmp_path, client.endpoint, "werft", options)
    undo = shift.carry_out(2)
    assert round(shares(shift.there())["eu17"]) == 100
    plan = shift.go_back(undo)
    assert [subtask.name for subtask in plan.subtasks] == ["0%/job"]
    assert len(jobs(tmp_path)) == 3
    told = json.loads(jobs(tmp_path)[-1].read_text())["annotations"]
    assert (told["percent"], told["scores"]) == ("0", "eu15:20 eu16:70 eu17:0")
    assert shares(shift.there()) == shares(shift.before)
    shift.step.verify_rollback(shift.context, undo)
    assert shift.step.plan_rollback(shift.context, undo).subtasks == ()
    client.set_score("eu16", 11)
    with pytest.raises(RefusedError, match="weights/eu16"):
        shift.step.plan_rollback(shift.context, undo)


def test_a_shift_that_was_watched_is_undone_like_any_other(tmp_path: Path, client: BridgeClient) -> None:
    shift = Shift(tmp_path, client.endpoint)
    shift.step = TrafficShift(TrafficShiftParameters(stages=(10, 100), measure="told"))
    shift.plan = shift.step.plan(shift.context)
    watches = [subtask.name for subtask in shift.plan.subtasks if subtask.watches]
    assert watches == ["10%/watch", "100%/watch"]
    writes = [subtask for subtask in shift.plan.subtasks if not subtask.watches]
    for subtask in writes:
        shift.step.run(shift.context, subtask)
    shift.go_back(Undo(shift.plan, tuple(subtask.name for subtask in shift.plan.subtasks[:-1])))
    assert [each.effective for each in shift.there()] == [each.effective for each in shift.before]


def test_one_cluster_goes_back_alone(tmp_path: Path, client: BridgeClient) -> None:
    shift = Shift(tmp_path, client.endpoint)
    undo = shift.carry_out(len(shift.effects))
    plan = shift.step.plan_rollback(shift.context, replace(undo, only=frozenset({"eu16"})))
    assert {subtask.data["cluster"] for subtask in plan.subtasks} == {"eu16"}
