"""The gpctl client against a double that checks what it is given and speaks to the lab's bridge."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from harness.certificates import Authority
from harness.programs import double
from harness.stand_ins import Bridge, WsManager, bridge, ws_manager

from ws_deployment.clients.bridge import errors
from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import ClusterState, Preferability, Registration
from ws_deployment.clients.gpctl import Gpctl
from ws_deployment.errors import TransientError, UsageError

pytestmark = pytest.mark.real

AUTHORITY = Authority()


@dataclass(frozen=True)
class Place:
    running: Bridge
    manager: WsManager
    gpctl: Gpctl
    registration: Registration
    port: int


@pytest.fixture(scope="module", params=["2021", "2026"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    tmp_path = tmp_path_factory.mktemp("gpctl")
    (tmp_path / "ca.pem").write_text("x")
    (tmp_path / "kubeconfig").write_text(
        json.dumps(
            {
                "current-context": "other",
                "contexts": [
                    {"name": "other", "context": {"cluster": "c", "user": "u"}},
                    {"name": "meta", "context": {"cluster": "c", "user": "u"}},
                ],
                "clusters": [{"name": "c", "cluster": {"server": "https://x", "certificate-authority": "ca.pem"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with (
        ws_manager(tmp_path / "eu17", AUTHORITY) as manager,
        bridge(tmp_path / "meta", request.param) as running,
    ):
        program = double("gpctl", tmp_path)
        gpctl = Gpctl(tmp_path / "kubeconfig", "meta", "prod", program=program, api=request.param)
        yield Place(running, manager, gpctl, Registration("eu17", manager.url, manager.client), port)


@pytest.fixture
def place(server: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("GPCTL_DOUBLE_BRIDGE", server.running.endpoint)
    monkeypatch.setenv("GPCTL_DOUBLE_PORT", str(server.port))
    monkeypatch.setenv("GPCTL_DOUBLE_CONTEXT", "meta")
    monkeypatch.setenv("GPCTL_DOUBLE_NAMESPACE", "prod")
    return server


def test_the_same_calls_come_to_the_same(place: Place) -> None:
    gpctl = place.gpctl
    assert gpctl.list() == []
    gpctl.register(replace(place.registration, preferability=Preferability.PREFER))
    gpctl.set_score("eu17", -5)
    gpctl.set_max_score("eu17", 60)
    [status] = gpctl.list()
    assert (status.score, status.max_score, status.state, status.governed) == (-5, 60, ClusterState.CORDONED, True)
    gpctl.uncordon("eu17")
    with BridgeClient(place.running.endpoint) as native:
        assert native.list() == gpctl.list()
    gpctl.cordon("eu17")
    with pytest.raises(errors.NotRegisteredError):
        gpctl.cordon("eu99")
    gpctl.deregister("eu17")
    assert gpctl.list() == []


def test_refusals_are_told_apart_and_show_no_key(place: Place) -> None:
    bad = Authority().pair("client")
    with pytest.raises(errors.TlsRefusedError) as caught:
        place.gpctl.register(replace(place.registration, tls=bad))
    assert "BEGIN" not in repr(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(UsageError, match="regions"):
        place.gpctl.register(replace(place.registration, region="europe"))


def test_calls_take_turns_at_the_one_local_port(place: Place) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: place.gpctl.list(), range(3))) == [[]] * 3


def test_no_way_to_the_bridge_may_pass(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPCTL_DOUBLE_BRIDGE", "127.0.0.1:1")
    with pytest.raises(TransientError):
        place.gpctl.list()


def test_an_unknown_context_is_told(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("{current-context: a, contexts: [], clusters: [], users: []}")
    with pytest.raises(UsageError, match="no context b"):
        Gpctl(tmp_path / "kubeconfig", "b").list()
