"""Registrars: the same calls come to the same, whatever carries them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from harness.certificates import Authority
from harness.cluster_context import ClusterContext, a_cluster
from harness.meta_context import MetaContext
from harness.programs import double, reach_gpctl
from harness.stand_ins import Bridge as RunningBridge
from harness.stand_ins import WsManager, bridge, ws_manager
from ws_deployment_steps.gpctl_access import GpctlParameters
from ws_deployment_steps.meta_command import CommandParameters
from ws_deployment_steps.register_cluster import RegisterCluster, RegisterParameters
from ws_deployment_steps.registrars.bridge import BridgeRegistrar
from ws_deployment_steps.registrars.command import CommandRegistrar
from ws_deployment_steps.registrars.gpctl import GpctlRegistrar

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.errors import AlreadyRegisteredError, BridgeUnavailableError
from ws_deployment.clients.command import CommandError, TransientCommandError
from ws_deployment.config.model import SecretReference
from ws_deployment.config.v1 import Bridge, KubernetesAccess, Project
from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import (
    IRegistrar,
    MetaCluster,
    NotYetError,
    RegistrationRequest,
    StepPlan,
    SubTask,
    TlsMaterial,
    Undo,
)

pytestmark = pytest.mark.real

AUTHORITY = Authority()


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WsManager]:
    with ws_manager(tmp_path_factory.mktemp("eu17"), AUTHORITY) as running:
        yield running


@pytest.fixture(scope="module", params=["2021", "2026"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    with bridge(tmp_path_factory.mktemp("meta"), request.param) as running:
        yield running


@pytest.fixture
def asked(manager: WsManager) -> RegistrationRequest:
    tls = TlsMaterial(manager.client.ca, manager.client.crt, manager.client.key)
    return RegistrationRequest("eu17", manager.url, tls, preferability="prefer")


def native(folder: Path, server: RunningBridge) -> IRegistrar:
    context = MetaContext(folder, Bridge(api=api(server), address=server.endpoint))
    return BridgeRegistrar(BridgeRegistrar.parameters_model(), context.meta, context)


def api(server: RunningBridge) -> str:
    told: str = json.loads((server.home / "config.json").read_text())["api"]
    return told


def by_gpctl(folder: Path, server: RunningBridge, monkeypatch: pytest.MonkeyPatch) -> IRegistrar:
    reach_gpctl(folder, server.endpoint, monkeypatch)
    access = KubernetesAccess(kubeconfig="kubeconfig", context="m", namespace="prod")
    context = MetaContext(folder, Bridge(api=api(server), kubernetes=access))
    return GpctlRegistrar(GpctlParameters(program=double("gpctl", folder)), context.meta, context)


def by_command(folder: Path) -> IRegistrar:
    parameters = CommandParameters(
        command=(double("meta_command", folder),),
        environment={"STATE": str(folder / "state.json")},
        secret_environment={"TOKEN": SecretReference(variable="TOKEN")},
    )
    context = MetaContext(folder, None, {"TOKEN": "s3cret-token"})
    return CommandRegistrar(parameters, context.meta, context)


@pytest.mark.parametrize("via", ["bridge", "gpctl", "command"])
def test_registers_cordoned_and_deregisters(
    via: str, tmp_path: Path, server: RunningBridge, asked: RegistrationRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {
        "bridge": lambda: native(tmp_path, server),
        "gpctl": lambda: by_gpctl(tmp_path, server, monkeypatch),
        "command": lambda: by_command(tmp_path),
    }
    registrar = made[via]()
    registrar.register(asked)
    [there] = registrar.registrations()
    assert (there.name, there.url, there.available, there.effective) == ("eu17", asked.url, False, 0)
    assert there.score == (50 if via == "command" else 100)
    assert there.governed
    uncordon(via, tmp_path, server)
    assert [each.available for each in registrar.registrations()] == [True]
    for _ in range(2):
        registrar.cordon("eu17")
    assert [each.available for each in registrar.registrations()] == [False]
    registrar.deregister("eu17")
    registrar.deregister("eu17")
    assert list(registrar.registrations()) == []


def uncordon(via: str, folder: Path, server: RunningBridge) -> None:
    if via == "command":
        state = json.loads((folder / "state.json").read_text())
        state["eu17"]["available"] = True
        (folder / "state.json").write_text(json.dumps(state))
    else:
        with BridgeClient(server.endpoint) as client:
            client.uncordon("eu17")


def undone(
    folder: Path, server: RunningBridge, url: str, *, create: bool = True, before: str = "none"
) -> tuple[RegisterCluster, ClusterContext, Undo]:
    """A registration that a run has made, as its journal has it."""
    cluster = a_cluster("existing", create=create, url=url, governed_by=(Governance("meta"),))
    meta = MetaCluster("meta", "europe-west1", "existing", Bridge(api=api(server), address=server.endpoint))
    context = ClusterContext(folder, cluster, Project(id="p"), metas=(meta,))
    plan = StepPlan("register", fingerprint={"registration at meta": before}, subtasks=(SubTask("meta"),))
    return RegisterCluster(RegisterParameters()), context, Undo(plan)


def test_a_registration_that_is_not_the_runs_is_left_alone(
    tmp_path: Path, server: RunningBridge, asked: RegistrationRequest
) -> None:
    native(tmp_path, server).register(asked)
    uncordon("bridge", tmp_path, server)
    try:
        for step, context, undo in (
            undone(tmp_path, server, "https://127.0.0.1:1"),
            undone(tmp_path, server, asked.url, create=False, before=f"with {asked.url}"),
        ):
            for each in (undo, replace(undo, destroy=True)):
                assert step.plan_rollback(context, each).subtasks == ()
                step.verify_rollback(context, each)
        # One that the run may have made is found by name and URL, journaled or not.
        for create in (True, False):
            step, context, undo = undone(tmp_path, server, asked.url, create=create)
            with pytest.raises(RefusedError, match="starts/meta"):
                step.plan_rollback(context, undo)
            undo = replace(undo, forced=frozenset({"starts/meta"}))
            for subtask in step.plan_rollback(context, undo).subtasks:
                step.rollback(context, subtask, undo)
            step.verify_rollback(context, undo)
            uncordon("bridge", tmp_path, server)
            with pytest.raises(WsDeploymentError, match="still available"):
                step.verify_rollback(context, undo)
    finally:
        native(tmp_path, server).deregister("eu17")


def test_never_overwrites_what_is_registered(tmp_path: Path, server: RunningBridge, asked: RegistrationRequest) -> None:
    registrar = native(tmp_path, server)
    registrar.register(asked)
    try:
        for other in (replace(asked, url="https://127.0.0.1:1"), replace(asked, name="eu18")):
            with pytest.raises(AlreadyRegisteredError, match="eu17 is registered"):
                registrar.register(other)
        assert [each.url for each in registrar.registrations()] == [asked.url]
    finally:
        registrar.deregister("eu17")


def test_a_bridge_that_the_config_does_not_place(tmp_path: Path) -> None:
    for told in (None, Bridge()):
        context = MetaContext(tmp_path, told)
        registrar = BridgeRegistrar(BridgeRegistrar.parameters_model(), context.meta, context)
        with pytest.raises(NotYetError):
            registrar.registrations()


def test_a_bridge_that_is_away_may_come_back(tmp_path: Path) -> None:
    context = MetaContext(tmp_path, Bridge(address="127.0.0.1:1"))
    with pytest.raises(BridgeUnavailableError):
        BridgeRegistrar(BridgeRegistrar.parameters_model(), context.meta, context).registrations()


def test_a_program_can_ask_for_another_attempt(tmp_path: Path, asked: RegistrationRequest) -> None:
    registrar = by_command(tmp_path)
    (tmp_path / "busy").touch()
    with pytest.raises(TransientCommandError, match="busy"):
        registrar.register(asked)
    assert "BEGIN" not in (tmp_path / "output.log").read_text()


@pytest.mark.parametrize("answer", ["{}", '{"registrations": [{"name": "x"}]}', "[]", "no"])
def test_a_program_that_lists_wrongly_is_told_so(tmp_path: Path, answer: str) -> None:
    context = MetaContext(tmp_path, None)
    parameters = CommandParameters(command=("sh", "-c", f"cat >&2; echo '{answer}'"))
    with pytest.raises(CommandError):
        CommandRegistrar(parameters, context.meta, context).registrations()
