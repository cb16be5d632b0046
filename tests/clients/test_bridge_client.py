"""The client against the lab's bridge, in both generations: what is sent, what comes back, which refusals."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from harness.certificates import Authority
from harness.stand_ins import Bridge, WsManager, bridge, ws_manager

from ws_deployment.clients.bridge import errors
from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import (
    ClusterState,
    FeaturePreview,
    HasPermission,
    HasUserLevel,
    Preferability,
    Registration,
    TlsMaterial,
)
from ws_deployment.errors import TransientError, UsageError

pytestmark = pytest.mark.real

AUTHORITY = Authority()
REGISTERING = "registering cluster"


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WsManager]:
    with ws_manager(tmp_path_factory.mktemp("eu17"), AUTHORITY) as running:
        yield running


@pytest.fixture(scope="module", params=["2021", "2026"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bridge, str]]:
    with bridge(tmp_path_factory.mktemp("meta"), request.param) as running:
        yield running, request.param


@pytest.fixture
def client(server: tuple[Bridge, str]) -> Iterator[BridgeClient]:
    running, api = server
    with BridgeClient(running.endpoint, api, timeout=5) as connected:
        for status in connected.list():
            connected.deregister_forcibly(status.name)
        yield connected


@pytest.fixture
def eu17(manager: WsManager) -> Registration:
    return Registration("eu17", manager.url, manager.client)


def test_registers_cordoned_with_what_the_generation_has(
    client: BridgeClient, eu17: Registration, server: tuple[Bridge, str]
) -> None:
    client.register(
        replace(
            eu17,
            region="europe",
            preferability=Preferability.PREFER,
            admission_constraints=(FeaturePreview(), HasPermission("admin")),
        )
    )
    [status] = client.list()
    assert (status.name, status.url, status.state) == ("eu17", eu17.url, ClusterState.CORDONED)
    assert (status.score, status.max_score, status.governed) == (100, 100, True)
    assert status.region == ("europe" if client.api == "2026" else "")
    assert status.admission_constraints == (FeaturePreview(), HasPermission("admin"))
    [sent] = [call["request"] for call in server[0].calls() if call["method"] == "Register"][-1:]
    assert ("region" in sent, "govern" in sent["hints"]) == (client.api == "2026", client.api == "2021")


def test_changes_one_property_a_call(client: BridgeClient, eu17: Registration, server: tuple[Bridge, str]) -> None:
    client.register(eu17)
    before = len(server[0].writes())
    client.set_score("eu17", 70)
    client.set_max_score("eu17", 60)
    client.uncordon("eu17")
    client.add_admission_constraint("eu17", HasPermission("admin"))
    client.remove_admission_constraint("eu17", HasPermission("admin"))
    status = client.find("eu17")
    assert status is not None
    assert (status.score, status.max_score, status.weight) == (70, 60, 60)
    assert status.state is ClusterState.AVAILABLE
    assert status.admission_constraints == ()
    client.cordon("eu17")
    assert [sorted(set(call["request"]) - {"name"}) for call in server[0].writes()[before:]] == [
        ["score"], ["max_score"], ["cordoned"], ["admission_constraint"], ["admission_constraint"], ["cordoned"],
    ]  # fmt: skip
    client.deregister("eu17")
    assert client.find("eu17") is None


def test_scores_have_no_range(client: BridgeClient, eu17: Registration) -> None:
    client.register(eu17)
    for score, weight in ((-5, 0), (250, 100)):
        client.set_score("eu17", score)
        status = client.find("eu17")
        assert status is not None
        assert (status.score, status.weight) == (score, weight)


def test_an_unknown_name(client: BridgeClient) -> None:
    with pytest.raises(errors.NotRegisteredError, match="eu99"):
        client.set_score("eu99", 1)
    client.deregister("eu99")


def test_a_duplicate_is_refused_or_overwritten(client: BridgeClient, eu17: Registration) -> None:
    client.register(eu17)
    client.set_score("eu17", 7)
    if client.api == "2026":
        with pytest.raises(errors.AlreadyRegisteredError, match="eu17"):
            client.register(eu17)
        with pytest.raises(errors.AlreadyRegisteredError, match="url"):
            client.register(replace(eu17, name="eu18"))
    else:
        client.register(eu17)
        [status] = client.list()
        assert status.score == 50


def test_a_cloud_region_is_no_region_of_the_bridge(client: BridgeClient, eu17: Registration) -> None:
    asked = replace(eu17, region="europe-west1")
    if client.api == "2026":
        with pytest.raises(errors.InvalidRegistrationError):
            client.register(asked)
        assert client.list() == []
    else:
        client.register(asked)


def test_govern_is_asked_for_or_always_so(client: BridgeClient, eu17: Registration) -> None:
    client.register(replace(eu17, govern=False))
    assert [status.governed for status in client.list()] == [client.api == "2026"]


def test_a_cluster_that_is_not_there_may_come(client: BridgeClient, eu17: Registration) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(errors.UnreachableClusterError) as caught:
        client.register(replace(eu17, url=f"https://127.0.0.1:{port}"))
    assert isinstance(caught.value, TransientError)
    assert client.list() == []


def test_tls_that_does_not_fit_will_not_pass(client: BridgeClient, eu17: Registration) -> None:
    other, more = Authority().pair("client"), AUTHORITY.pair("client")
    bad_ca = TlsMaterial(other.ca, eu17.tls.crt, eu17.tls.key)
    no_pair = TlsMaterial(eu17.tls.ca, eu17.tls.crt, more.key)
    for tls in (bad_ca, no_pair):
        with pytest.raises(errors.TlsRefusedError) as caught:
            client.register(replace(eu17, tls=tls))
        assert not isinstance(caught.value, TransientError)
        assert "PRIVATE" not in str(caught.value)
    assert client.list() == []


def test_user_levels_and_new_tls_are_one_generations_each(client: BridgeClient, eu17: Registration) -> None:
    client.register(eu17)
    if client.api == "2026":
        client.set_tls("eu17", AUTHORITY.pair("client"))
        with pytest.raises(UsageError, match="no user levels"):
            client.add_admission_constraint("eu17", HasUserLevel("gold"))
    else:
        client.add_admission_constraint("eu17", HasUserLevel("gold"))
        assert client.list()[0].admission_constraints == (HasUserLevel("gold"),)
        with pytest.raises(UsageError, match="register it again"):
            client.set_tls("eu17", eu17.tls)


def test_a_bridge_that_is_away_may_come_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with (
        BridgeClient(f"127.0.0.1:{port}", timeout=2) as away,
        pytest.raises(errors.BridgeUnavailableError) as caught,
    ):
        away.list()
    assert isinstance(caught.value, TransientError)


def test_a_bridge_that_does_not_answer_is_given_up_in_time() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        BridgeClient(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.3) as waiting,
        pytest.raises(errors.BridgeUnavailableError),
    ):
        waiting.list()


@pytest.mark.parametrize(
    ("attempted", "code", "text", "kind"),
    [
        (REGISTERING, "ALREADY_EXISTS", "", errors.AlreadyRegisteredError),
        (REGISTERING, "UNKNOWN", "name x already exists in the DB", errors.AlreadyRegisteredError),
        (errors.UPDATING, "UNKNOWN", "a cluster with name x already exists in the DB!", errors.NotRegisteredError),
        (errors.UPDATING, "NOT_FOUND", "", errors.NotRegisteredError),
        (REGISTERING, "FAILED_PRECONDITION", "cannot reach x: read ECONNRESET", errors.UnreachableClusterError),
        (REGISTERING, "UNKNOWN", "cannot reach x: self signed certificate", errors.TlsRefusedError),
        (REGISTERING, "UNKNOWN", "x509 certificate routines:key values mismatch", errors.TlsRefusedError),
        ("deregistering cluster", "UNKNOWN", "cluster is not empty (2 [a,b])", errors.ClusterNotEmptyError),
        (REGISTERING, "UNKNOWN", "missing required TLS config", errors.InvalidRegistrationError),
        ("listing", "PERMISSION_DENIED", "", errors.AccessDeniedError),
        ("listing", "UNAVAILABLE", "", errors.BridgeUnavailableError),
        ("listing", "UNKNOWN", "something else", errors.BridgeError),
    ],
)  # fmt: skip
def test_refusals_are_told_apart(attempted: str, code: str, text: str, kind: type[Exception]) -> None:
    assert type(errors.refusal(attempted, "x", code, text)) is kind


def test_keys_never_show() -> None:
    pair = AUTHORITY.pair("client")
    shown = repr(Registration("eu17", "https://x", pair)) + repr(pair)
    assert "BEGIN" not in shown
    with pytest.raises(UsageError) as caught:
        TlsMaterial.from_secret({"ca.crt": "QQ==", "tls.crt": "QQ==", "tls.key": "secret!"})
    assert "secret!" not in str(caught.value)


def test_stubs_are_what_the_protocol_generates(tmp_path: Path) -> None:
    from grpc_tools import protoc  # noqa: PLC0415  heavy, and only here

    root = Path(__file__).parents[2]
    source = "ws_deployment/clients/bridge/cluster_service.proto"
    out = [f"--{kind}={tmp_path}" for kind in ("python_out", "pyi_out", "grpc_python_out")]
    assert protoc.main(["protoc", f"-I{root}", *out, source]) == 0
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*_pb2*"))
    assert len(made) == 3
    for path in made:
        assert (tmp_path / path).read_text() == (root / path).read_text(), f"{path} is stale: run `make proto`"
