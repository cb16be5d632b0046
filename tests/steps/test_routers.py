"""Routers: each write of a ramp as a sub-task, carried out for real at a bridge, by a job, or by a program."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.certificates import Authority
from harness.meta_context import MetaContext
from harness.programs import double, reach_gpctl
from harness.stand_ins import Bridge as RunningBridge
from harness.stand_ins import bridge, ws_manager
from ws_deployment_steps.gpctl_access import GpctlParameters
from ws_deployment_steps.routers.bridge import BridgeRouter
from ws_deployment_steps.routers.command import CommandRouter, CommandRouterParameters
from ws_deployment_steps.routers.gpctl import GpctlRouter
from ws_deployment_steps.routers.werft import WerftParameters, WerftRouter

from ws_deployment.clients import werft
from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.errors import NotRegisteredError
from ws_deployment.clients.bridge.model import Registration as BridgeRegistration
from ws_deployment.clients.command import CommandError
from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Bridge, KubernetesAccess
from ws_deployment.interfaces import ITrafficRouter, Registration, SubTask
from ws_deployment.traffic.ramp import ramp, shares

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    authority = Authority()
    with (
        ws_manager(tmp_path_factory.mktemp("eu16"), authority) as old,
        ws_manager(tmp_path_factory.mktemp("eu17"), authority) as new,
        bridge(tmp_path_factory.mktemp("meta")) as running,
    ):
        with BridgeClient(running.endpoint) as client:
            client.register(BridgeRegistration("eu16", old.url, old.client))
            client.register(BridgeRegistration("eu17", new.url, new.client))
        yield running


@pytest.fixture
def before_the_shift(server: RunningBridge) -> RunningBridge:
    with BridgeClient(server.endpoint) as client:
        client.set_score("eu16", 50)
        client.uncordon("eu16")
        client.cordon("eu17")
        client.set_score("eu17", 0)
    return server


def by_bridge(folder: Path, server: RunningBridge) -> ITrafficRouter:
    context = MetaContext(folder, Bridge(address=server.endpoint))
    return BridgeRouter(BridgeRouter.parameters_model(), context.meta, context)


def by_gpctl(folder: Path, server: RunningBridge, monkeypatch: pytest.MonkeyPatch) -> ITrafficRouter:
    reach_gpctl(folder, server.endpoint, monkeypatch)
    access = KubernetesAccess(kubeconfig="kubeconfig", context="m", namespace="prod")
    context = MetaContext(folder, Bridge(kubernetes=access))
    return GpctlRouter(GpctlParameters(program=double("gpctl", folder)), context.meta, context)


def by_command(folder: Path, *, counts_starts: bool = False) -> CommandRouter:
    state = {
        "eu16": {"name": "eu16", "score": 50, "available": True},
        "eu17": {"name": "eu17", "score": 0, "available": False},
    }
    (folder / "state.json").write_text(json.dumps(state))
    parameters = CommandRouterParameters(
        command=(double("meta_command", folder),),
        environment={"STATE": str(folder / "state.json")},
        secret_environment={"TOKEN": SecretReference(variable="TOKEN")},
        counts_starts=counts_starts,
    )
    context = MetaContext(folder, None, {"TOKEN": "s3cret-token"})
    return CommandRouter(parameters, context.meta, context)


def by_werft(
    folder: Path, server: RunningBridge, monkeypatch: pytest.MonkeyPatch, **behaviour: Any
) -> tuple[ITrafficRouter, MetaContext]:
    told = {"phases": ["PHASE_PREPARING", "PHASE_RUNNING", "PHASE_DONE"], "success": True} | behaviour
    (folder / "behaviour.json").write_text(json.dumps(told))
    monkeypatch.setenv("WERFT_DOUBLE_BRIDGE", server.endpoint)
    context = MetaContext(folder, Bridge(address=server.endpoint))
    parameters = WerftParameters(
        repository="example/shop",
        job=".werft/shift-traffic.yaml",
        annotations={"team": "infra"},
        program=double("werft", folder),
        environment={"WERFT_HOST": str(folder)},
        poll=0.01,
    )
    return WerftRouter(parameters, context.meta, context), context


def split(router: ITrafficRouter) -> dict[str, float]:
    return {name: round(share) for name, share in shares(router.registrations()).items()}


@pytest.mark.parametrize("via", ["bridge", "gpctl", "command"])
def test_carries_a_ramp_out_write_by_write(
    via: str, tmp_path: Path, before_the_shift: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, Callable[[], ITrafficRouter]] = {
        "bridge": lambda: by_bridge(tmp_path, before_the_shift),
        "gpctl": lambda: by_gpctl(tmp_path, before_the_shift, monkeypatch),
        "command": lambda: by_command(tmp_path),
    }
    router = made[via]()
    seen = []
    names = set()
    for stage in ramp(["eu17"], ["eu16"], router.registrations(), [10, 50, 100], 0):
        for subtask in router.subtasks(stage):
            # Doing it twice is the same as doing it once.
            router.carry_out(subtask)
            router.carry_out(subtask)
            names.add(subtask.name)
            assert sum(each.effective for each in router.registrations()), f"no home for starts after {subtask.name}"
        seen.append(split(router)["eu17"])
    assert seen == [10, 50, 100]
    # 10 %: raise, uncordon, lower; 50 %: raise, lower; 100 %: raise, lower, cordon.
    assert len(names) == 8
    assert {each.name: each.available for each in router.registrations()} == {"eu16": False, "eu17": True}


def test_a_cluster_that_is_gone_is_an_error(tmp_path: Path, before_the_shift: RunningBridge) -> None:
    write = SubTask("x", data={"cluster": "eu99", "property": "score", "value": 1})
    with pytest.raises(NotRegisteredError):
        by_bridge(tmp_path, before_the_shift).carry_out(write)
    with pytest.raises(CommandError, match="no cluster eu99"):
        by_command(tmp_path).carry_out(write)


def test_a_program_may_count_starts(tmp_path: Path) -> None:
    (tmp_path / "starts.json").write_text('{"eu16": 90, "eu17": 10}')
    assert by_command(tmp_path).starts() is None
    counting = by_command(tmp_path, counts_starts=True)
    assert counting.starts() == {"eu16": 90, "eu17": 10}
    for wrong in ('{"eu16": "many"}', '{"eu16": -1}', "[]"):
        (tmp_path / "starts.json").write_text(wrong)
        with pytest.raises(CommandError, match="reading the answer of"):
            counting.starts()


def test_a_job_is_told_scores_that_are_scaled_up(
    tmp_path: Path, before_the_shift: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, _ = by_werft(tmp_path, before_the_shift, monkeypatch)
    for stage in ramp(["eu17"], ["eu16"], router.registrations(), [1, 100], 0):
        for subtask in router.subtasks(stage):
            router.carry_out(subtask)
    assert [job["annotations"]["scores"] for job in jobs(tmp_path)] == ["eu16:99 eu17:1", "eu16:0 eu17:50"]
    assert split(router) == {"eu16": 0, "eu17": 100}


def first_job(router: ITrafficRouter) -> SubTask:
    current = router.registrations()
    [subtask] = router.subtasks(ramp(["eu17"], ["eu16"], current, [10, 100], 0)[0])
    return subtask


def jobs(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.job"))]


def test_a_job_a_stage_is_waited_for(
    tmp_path: Path, before_the_shift: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, context = by_werft(tmp_path, before_the_shift, monkeypatch)
    subtask = first_job(router)
    router.carry_out(subtask)
    assert split(router) == {"eu16": 90, "eu17": 10}
    [job] = jobs(tmp_path)
    assert job["annotations"] == {
        "team": "infra", "meta": "meta", "run": "run-1", "percent": "10", "scores": "eu16:45 eu17:5",
    }  # fmt: skip
    assert context.said[-1].endswith("PHASE_DONE")
    # Asked again after a crash: the same job, not a second one.
    router.carry_out(subtask)
    assert len(jobs(tmp_path)) == 1


def test_a_failed_job_fails_once_and_a_new_attempt_starts_a_new_one(
    tmp_path: Path, before_the_shift: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, _ = by_werft(tmp_path, before_the_shift, monkeypatch, success=False)
    subtask = first_job(router)
    for attempt in (1, 2):
        with pytest.raises(werft.JobFailedError):
            router.carry_out(subtask)
        assert len(jobs(tmp_path)) == attempt


def test_an_uncertain_start_is_never_repeated_blindly(
    tmp_path: Path, before_the_shift: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, _ = by_werft(tmp_path, before_the_shift, monkeypatch, start="lost")
    subtask = first_job(router)
    with pytest.raises(werft.UncertainStartError):
        router.carry_out(subtask)
    router, _ = by_werft(tmp_path, before_the_shift, monkeypatch)
    with pytest.raises(werft.UncertainStartError, match="werft-run-1"):
        router.carry_out(subtask)
    assert len(jobs(tmp_path)) == 1


def test_a_start_that_never_arrived_can_be_repeated(
    tmp_path: Path, before_the_shift: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, _ = by_werft(tmp_path, before_the_shift, monkeypatch, start="refused")
    subtask = first_job(router)
    with pytest.raises(werft.TransientError):
        router.carry_out(subtask)
    router, _ = by_werft(tmp_path, before_the_shift, monkeypatch)
    router.carry_out(subtask)
    assert split(router)["eu17"] == 10


def test_a_stage_without_writes_has_no_job(
    tmp_path: Path, before_the_shift: RunningBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, _ = by_werft(tmp_path, before_the_shift, monkeypatch)
    done = [Registration("eu16", 0, available=False), Registration("eu17", 50, available=True)]
    [stage] = ramp(["eu17"], ["eu16"], done, [100], 0)
    assert router.subtasks(stage) == ()
