"""A canary at a real bridge of either generation: who is sent where, and every way back."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from harness.certificates import Authority
from harness.cluster_context import a_cluster
from harness.meta_context import MetaContext
from harness.stand_ins import Bridge as RunningBridge
from harness.stand_ins import WsManager, bridge, ws_manager
from ws_deployment_steps.traffic_shift import TrafficShift, TrafficShiftParameters

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import Api, HasPermission
from ws_deployment.clients.bridge.model import Registration as BridgeRegistration
from ws_deployment.config.v1 import Bridge, BridgeApi
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import Change, SubTask, Undo
from ws_deployment.lab.bridge.starter import Order

pytestmark = pytest.mark.real

NEW = a_cluster("existing", governed_by=(Governance("meta"),), create=False)
#: Starts that are placed at each look, and by how many half of them may be off by chance: 3.29 standard deviations.
STARTS, BY_CHANCE = 400, 33


@pytest.fixture(scope="module")
def managers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, WsManager]]:
    authority = Authority()
    with (
        ws_manager(tmp_path_factory.mktemp("eu16"), authority) as old,
        ws_manager(tmp_path_factory.mktemp("eu17"), authority) as new,
    ):
        yield {"eu16": old, "eu17": new}


@pytest.fixture(scope="module", params=["2021", "2026"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    with bridge(tmp_path_factory.mktemp("meta"), request.param) as running:
        yield running


@pytest.fixture
def client(server: RunningBridge, managers: dict[str, WsManager]) -> Iterator[BridgeClient]:
    """The bridge as a run finds it: the old cluster takes all starts."""
    with BridgeClient(server.endpoint, json.loads((server.home / "config.json").read_text())["api"]) as made:
        for name, manager in managers.items():
            made.deregister_forcibly(name)
            made.register(BridgeRegistration(name, manager.url, manager.client))
        made.uncordon("eu16")
        yield made


def shift(folder: Path, client: BridgeClient, **admitted: object) -> tuple[TrafficShift, MetaContext]:
    api: BridgeApi = "2021" if client.api is Api.Y2021 else "2026"
    context = MetaContext(folder, Bridge(address=client.endpoint, api=api), clusters=(NEW,))
    context.splits = []
    stages = [{"canary": admitted, "hold": 60}, 50, 100]
    return TrafficShift(TrafficShiftParameters.model_validate({"stages": stages, "hold": 60})), context


def placed(server: RunningBridge, **user: object) -> dict[str, int]:
    """Where so many starts of a user go."""
    order = asdict(Order(count=STARTS, pods=False, seed=17)) | user
    url = f"http://127.0.0.1:{server.metrics_port}/workspaces"
    with urllib.request.urlopen(url, json.dumps(order).encode(), timeout=90) as answer:
        return Counter(each["cluster"] for each in json.loads(answer.read())["started"])


def effects(step: TrafficShift, context: MetaContext) -> list[SubTask]:
    return [subtask for subtask in step.plan(context).subtasks if not subtask.hold]


#: Whom a canary takes, and a user who is one of them.
CANARIES: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"permission": "monitor"}, {"permissions": ["monitor"]}),
    ({"featurePreview": True}, {"feature_preview": True}),
]


@pytest.mark.parametrize("canary", CANARIES, ids=["permission", "feature preview"])
def test_only_some_users_are_sent_to_a_canary_and_all_after_it(
    canary: tuple[dict[str, object], dict[str, object]], tmp_path: Path, server: RunningBridge, client: BridgeClient
) -> None:
    admitted, user = canary
    step, context = shift(tmp_path, client, **admitted)
    calls = len(server.calls())
    subtasks = effects(step, context)
    end = next(place for place, subtask in enumerate(subtasks) if subtask.name == "canary/eu17/admit")
    for place, subtask in enumerate(subtasks):
        if place <= end:
            assert placed(server) == placed(server, permissions=["another"]) == {"eu16": STARTS}
        if place == end:  # the first stage is written
            assert abs(placed(server, **user)["eu17"] - STARTS / 2) < BY_CHANCE
            assert context.splits
            assert context.splits[-1] == {"eu16": 100.0}  # as it is for everybody
        step.run(context, subtask)
        step.run(context, subtask)  # a crash can repeat it
        if place == end:
            assert abs(placed(server)["eu17"] - STARTS / 2) < BY_CHANCE
    changes = [call["request"].get("admission_constraint") for call in server.calls()[calls:]]
    assert [change.get("add", False) for change in changes if change] == [True, False]
    step.verify(context)


def states(client: BridgeClient) -> list[tuple[str, int, str, int]]:
    return [(one.name, one.score, one.state.name, len(one.admission_constraints)) for one in client.list()]


@pytest.mark.parametrize("one_more", [False, True])
def test_from_every_state_back_to_what_was(
    one_more: bool, tmp_path: Path, server: RunningBridge, client: BridgeClient
) -> None:
    step, context = shift(tmp_path, client, permission="monitor")
    before = states(client)
    plan = step.plan(context)
    subtasks = effects(step, context)
    canary = [subtask.name for subtask in subtasks].index("canary/eu17/admit")
    for journaled in range(len(subtasks) + 1 - one_more):
        made = subtasks[: journaled + one_more]
        for subtask in made:
            step.run(context, subtask)
        names = [subtask.name for subtask in plan.subtasks]
        # Holds before what was begun are over; of the last one nothing is journaled where it was one more.
        end = names.index(made[-1].name) + (not one_more) if made else 0
        undo = Undo(plan, tuple(names[:end]))
        for cut in (1, None):
            for subtask in step.plan_rollback(context, undo).subtasks[:cut]:
                step.rollback(context, subtask, undo)
                assert "" not in placed(server)  # nobody is without a home
                assert len(made) > canary or placed(server) == {"eu16": STARTS}  # nor let in by the way back
        step.verify_rollback(context, undo)
        assert states(client) == before
        assert step.plan_rollback(context, undo).change is Change.NONE


def test_one_that_keeps_people_away_is_no_good_end(tmp_path: Path, client: BridgeClient) -> None:
    step, context = shift(tmp_path, client, permission="monitor")
    plan = step.plan(context)
    for subtask in effects(step, context):
        step.run(context, subtask)
    client.add_admission_constraint("eu17", HasPermission("monitor"))
    with pytest.raises(WsDeploymentError, match="eu17 still admits only some users"):
        step.verify(context)
    undo = Undo(plan, tuple(subtask.name for subtask in plan.subtasks))
    for subtask in step.plan_rollback(context, undo).subtasks:
        step.rollback(context, subtask, undo)
    client.add_admission_constraint("eu17", HasPermission("monitor"))
    with pytest.raises(WsDeploymentError, match="eu17 still admits only some users"):
        step.verify_rollback(context, undo)
