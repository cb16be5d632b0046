"""The bridge as a process: state over restarts, the log of calls, metrics, placements over HTTP."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.certificates import Authority
from harness.stand_ins import Bridge, WsManager, bridge, ws_manager

from ws_deployment.clients.bridge import errors
from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import HasPermission, Registration
from ws_deployment.errors import TransientError
from ws_deployment.lab.faults import MetaFault, keep

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def managers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[WsManager]]:
    authority = Authority()
    with (
        ws_manager(tmp_path_factory.mktemp("eu16"), authority) as old,
        ws_manager(tmp_path_factory.mktemp("eu17"), authority) as new,
    ):
        yield [old, new]


def place(running: Bridge, **order: Any) -> list[dict[str, str]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.metrics_port}/workspaces", json.dumps({"pods": False} | order).encode()
    )
    with urllib.request.urlopen(request, timeout=90) as answer:
        started: list[dict[str, str]] = json.loads(answer.read())["started"]
    return started


def read(running: Bridge, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{running.metrics_port}{path}", timeout=90) as answer:
        return str(answer.read().decode())


def test_state_outlives_the_process_without_keys(tmp_path: Path, managers: list[WsManager]) -> None:
    registration = Registration(
        "eu17", managers[0].url, managers[0].client, region="europe", admission_constraints=(HasPermission("admin"),)
    )
    with bridge(tmp_path) as running, BridgeClient(running.endpoint) as client:
        client.register(registration)
        client.set_score("eu17", 33)
        before = client.list()
    with bridge(tmp_path) as running, BridgeClient(running.endpoint) as client:
        assert client.list() == before
        with pytest.raises(errors.AlreadyRegisteredError):
            client.register(registration)
        assert [(call["method"], call["result"][:2]) for call in running.writes()] == [
            ("Register", "OK"), ("Update", "OK"), ("Register", "a "),
        ]  # fmt: skip
    body = "".join(registration.tls.key.splitlines()[1:-1])[:40]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert body not in path.read_text()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state.json", tmp_path / "calls.jsonl")} == {0o600}


def test_a_second_process_cannot_share_the_port(tmp_path: Path) -> None:
    with bridge(tmp_path / "a") as first, pytest.raises(AssertionError), bridge(tmp_path / "b", port=first.port):
        pass


def test_placements_and_gauges_follow_the_scores(tmp_path: Path, managers: list[WsManager]) -> None:
    with bridge(tmp_path) as running, BridgeClient(running.endpoint) as client:
        for name, manager, score in (("eu16", managers[0], 90), ("eu17", managers[1], 10)):
            client.register(Registration(name, manager.url, manager.client))
            client.set_score(name, score)
        assert {each["error"] for each in place(running)} == {"no workspace cluster is available"}
        client.uncordon("eu16")
        client.uncordon("eu17")
        drawn = Counter(each["cluster"] for each in place(running, count=5_000, seed=17))
        # 500 expected of 5,000; 3.29 standard deviations are alpha 0.001.
        assert abs(drawn["eu17"] - 500) < 3.29 * (5_000 * 0.1 * 0.9) ** 0.5
        assert drawn == Counter(each["cluster"] for each in place(running, count=5_000, seed=17))
        client.cordon("eu16")
        assert {each["cluster"] for each in place(running, count=100)} == {"eu17"}
        text = read(running, "/metrics")
    assert 'gitpod_ws_manager_bridge_cluster_score{workspace_cluster="eu16"} 90.0' in text
    assert 'gitpod_ws_manager_bridge_cluster_cordoned{workspace_cluster="eu16"} 1.0' in text
    assert 'gitpod_ws_manager_bridge_cluster_cordoned{workspace_cluster="eu17"} 0.0' in text


def test_starts_are_counted_by_cluster(tmp_path: Path, managers: list[WsManager]) -> None:
    with bridge(tmp_path) as running, BridgeClient(running.endpoint) as client:
        for name, manager in (("eu16", managers[0]), ("eu17", managers[1])):
            client.register(Registration(name, manager.url, manager.client))
        place(running, count=3)
        client.uncordon("eu16")
        client.uncordon("eu17")
        drawn = Counter(each["cluster"] for each in place(running, count=200, seed=17))
        # No cluster of a lab is behind these ws-managers: a start with a Pod fails on the one that it is placed on.
        (failed,) = place(running, pods=True)
        drawn[failed["cluster"]] += 1
        told = json.loads(read(running, "/starts"))
        assert told["starts"] == {"": 3, **drawn}
        assert {name: count for name, count in told["failed"].items() if count} == {"": 3, failed["cluster"]: 1}
        assert 0 < time.time() - told["since"] < 300
        text = read(running, "/metrics")
    for name, count in drawn.items():
        assert f'ws_deployment_lab_bridge_starts_total{{workspace_cluster="{name}"}} {count}.0' in text


def test_a_bridge_that_ignores_scores_keeps_them(tmp_path: Path, managers: list[WsManager]) -> None:
    with bridge(tmp_path, seed=17) as running, BridgeClient(running.endpoint) as client:
        for name, manager, score in (("eu16", managers[0], 95), ("eu17", managers[1], 5)):
            client.register(Registration(name, manager.url, manager.client))
            client.set_score(name, score)
            client.uncordon(name)
        keep(running.home, MetaFault(ignore_scores=True))
        drawn = Counter(each["cluster"] for each in place(running, count=2_000))
        # 1,000 expected of 2,000; 3.29 standard deviations are alpha 0.001.
        assert abs(drawn["eu17"] - 1_000) < 3.29 * (2_000 * 0.5 * 0.5) ** 0.5
        assert {status.name: status.score for status in client.list()} == {"eu16": 95, "eu17": 5}
        client.cordon("eu17")
        assert {each["cluster"] for each in place(running, count=100)} == {"eu16"}
        client.uncordon("eu17")
        keep(running.home, MetaFault())
        assert Counter(each["cluster"] for each in place(running, count=2_000))["eu17"] < 200


def test_an_unavailable_bridge_changes_nothing_and_goes_on_placing(tmp_path: Path, managers: list[WsManager]) -> None:
    with bridge(tmp_path) as running, BridgeClient(running.endpoint) as client:
        client.register(Registration("eu17", managers[0].url, managers[0].client, cordoned=False))
        keep(running.home, MetaFault(unavailable=True))
        for attempt in (client.list, lambda: client.set_score("eu17", 1)):
            with pytest.raises(TransientError):
                attempt()
        assert running.writes()[-1]["result"] != "OK"
        assert {each["cluster"] for each in place(running, count=10)} == {"eu17"}
        keep(running.home, MetaFault())
        assert [status.score for status in client.list()] == [50]


def test_static_clusters_are_listed_and_never_changed(tmp_path: Path) -> None:
    with (
        bridge(tmp_path, static=[{"name": "base", "url": "https://base"}]) as running,
        BridgeClient(running.endpoint) as client,
    ):
        [status] = client.list()
        assert (status.name, status.static) == ("base", True)
        with pytest.raises(errors.NotRegisteredError):
            client.set_score("base", 1)
