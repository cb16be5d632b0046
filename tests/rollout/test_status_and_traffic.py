"""What a user sees and does at three in the morning, by the real commands on real parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from harness.configs import PIPELINE, write_config
from harness.program import Ended, program
from harness.programs import double

from ws_deployment.cli.config_file import require
from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.engine.meta_access import meta_apis
from ws_deployment.engine.meta_lock import acquire
from ws_deployment.engine.traffic_view import onlooker
from ws_deployment.fleet.resolve import resolve
from ws_deployment.lab import daemon
from ws_deployment.lab.cluster import delete_cluster
from ws_deployment.lab.layout import cluster_folder, meta_folder
from ws_deployment.lab.meta import meta_endpoint
from ws_deployment.tools.folders import state_path

pytestmark = pytest.mark.real

META = {"name": "meta", "region": "europe-west1", "type": "local", "kubernetes": {}}
STEPS = ["create-cluster", "install-jaeger", "register-cluster", PIPELINE[-1]]


def weights() -> dict[str, tuple[int, str]]:
    with BridgeClient(meta_endpoint("meta")) as bridge:
        return {each.name: (each.score, each.state.name) for each in bridge.list()}


def test_what_is_not_there_is_told_without_a_traceback(tmp_path: Path) -> None:
    config = write_config(tmp_path, metaClusters=[META])
    for command in (("status",), ("traffic", "show")):
        ended = program(*command, "-c", config)
        assert (ended.code, ended.err) == (1, "")
        assert "can't be asked: finding the bridge of meta: the lab starts it in a run" in ended.out
    told = json.loads(program("traffic", "show", "-c", config, "--json").out)
    assert told["metaClusters"][0]["registrations"] == []
    restored = program("traffic", "restore", "-c", config)
    assert restored.code != 0
    assert restored.err == "error: finding the Kubernetes API of meta: the lab starts it in a run\n"
    unknown = program("traffic", "show", "-c", config, "--meta", "other")
    assert (unknown.code, unknown.err) == (
        2,
        "error: looking for the meta cluster other: there is none\nKnown: meta.\n",
    )
    assert not (state_path() / "state.db").exists()
    assert not (state_path() / "fleets").exists()


def test_a_meta_cluster_without_an_api_and_a_file_that_is_none(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    restored = program("traffic", "restore", "-c", config)
    assert restored.code == 2
    assert "its Kubernetes API is not configured" in restored.err
    (tmp_path / "w.json").write_text('{"metaClusters": [{"name": "meta", "registrations": [{"name": "eu1"}]}]}')
    wrong = program("traffic", "restore", "-c", config, "--from", tmp_path / "w.json")
    assert wrong.code == 2
    assert "it is no output of `traffic show --json`" in wrong.err


def test_weights_go_back_without_a_journal(tmp_path: Path) -> None:
    config = write_config(tmp_path, metaClusters=[META], pipeline=STEPS)
    first = program("run", "-c", config, "--json", "--cluster-id", "1")
    assert first.code == 0, first.err
    second = program("run", "-c", config, "--json", "--cluster-id", "2")
    assert second.code == 0, second.err
    before, shifted = {"eu1": (50, "AVAILABLE"), "eu2": (50, "CORDONED")}, weights()
    assert shifted == {"eu1": (0, "CORDONED"), "eu2": (50, "AVAILABLE")}
    _show_all(config, first, second)
    # All that follows knows the world alone.
    (state_path() / "state.db").rename(tmp_path / "state.db")
    (state_path() / "fleets").rename(tmp_path / "fleets")
    saved = program("traffic", "show", "-c", config, "--json")
    (tmp_path / "weights.json").write_text(saved.out)

    _refused_while_a_run_is_at_work(config)
    told = program("traffic", "restore", "-c", config, "--dry-run")
    assert (told.code, weights()) == (0, shifted)
    assert [line.strip() for line in told.out.splitlines()][1:] == [
        "score eu1 = 50", "uncordon eu1", "cordon eu2", "starts then: eu1 100 %",
    ]  # fmt: skip
    restored = program("traffic", "restore", "-c", config, "--yes")
    assert (restored.code, weights()) == (0, before), restored.err
    assert [line.split(" (")[0] for line in restored.err.splitlines()] == [
        "meta: score eu1 = 50", "meta: uncordon eu1", "meta: cordon eu2",
    ]  # fmt: skip
    again = program("traffic", "restore", "-c", config, "--json")
    assert json.loads(again.out)[0]["writes"] == []

    forth = program("traffic", "restore", "-c", config, "--from", tmp_path / "weights.json")
    assert (forth.code, weights()) == (0, shifted), forth.err
    _orphans(config, shifted)
    _out_of_reach(config)


def _show_all(config: Path, first: Ended, second: Ended) -> None:
    shown = program("status", "-c", config)
    assert (shown.code, shown.err) == (0, "")
    assert max(map(len, shown.out.splitlines())) <= 80
    lines = shown.out.splitlines()
    assert lines[:2] == ["meta", "  CLUSTER  STARTS  SCORE  STATE      AGE  RUN"] or lines[1].split() == [
        "CLUSTER", "STARTS", "SCORE", "STATE", "AGE", "RUN",
    ]  # fmt: skip
    runs = {"eu1": first.events[0]["run"], "eu2": second.events[0]["run"]}
    told = _json("status", config)
    clusters = {each["name"]: each for each in told["clusters"]}
    assert {name: each["cluster"]["run"] for name, each in clusters.items()} == runs
    assert {name: (each["share"], each["cordoned"]) for name, each in clusters.items()} == {
        "eu1": (0, True), "eu2": (100, False),
    }  # fmt: skip
    for each in clusters.values():
        assert each["cluster"]["fleet"] == "test-staging"
        assert each["cluster"]["created"].startswith("20")
        (release,) = each["cluster"]["releases"]
        assert (release["name"], bool(release["version"]), release["chart"]) == ("jaeger", True, "jaeger")
        assert f"jaeger {release['version']}" in shown.out
        assert each["orphan"] is None
    assert (told["unregistered"], told["unknown"]) == ([], [])
    traffic = program("traffic", "show", "-c", config)
    assert f"recorded before run {runs['eu2']}" in traffic.out
    assert max(map(len, traffic.out.splitlines())) <= 80


def _refused_while_a_run_is_at_work(config: Path) -> None:
    read, _ = require(config)
    run = onlooker(read, config, state_path(), name="other")
    before = weights()
    with acquire(meta_apis(resolve(read, 1).meta_clusters, run), "r9", "test-staging"):
        refused = program("traffic", "restore", "-c", config, "--yes")
        assert refused.code == 5, refused.err
        assert "held by run r9" in refused.err
        assert "runs cancel" in refused.err
        assert "lock: run r9" in program("status", "-c", config).out
    assert weights() == before


def _orphans(config: Path, shifted: dict[str, tuple[int, str]]) -> None:
    delete_cluster("gp-stag-ws-eu1-eu-west1")
    told = {each["name"]: each["orphan"] for each in _json("status", config)["clusters"]}
    assert told["eu2"] is None
    assert told["eu1"].startswith("no cluster is behind this registration")
    refused = program("traffic", "restore", "-c", config, "--yes")
    assert (refused.code, weights()) == (3, shifted)
    assert "meta: eu1 took starts and its cluster is gone, although it is registered" in refused.err
    with BridgeClient(meta_endpoint("meta")) as bridge:
        bridge.deregister("eu1")
        bridge.deregister("eu2")
    refused = program("traffic", "restore", "-c", config, "--yes")
    assert refused.code == 3
    assert "eu1 took starts and is registered no more" in refused.err
    assert "no cluster would take starts afterwards" in refused.err
    (orphan,) = _json("status", config)["unregistered"]
    assert orphan["name"] == "gp-stag-ws-eu2-eu-west1"
    assert "registered nowhere" in orphan["orphan"]
    assert "registered nowhere" in program("status", "-c", config).out


def _out_of_reach(config: Path) -> None:
    daemon.end_all(cluster_folder("gp-stag-ws-eu2-eu-west1"))
    shown = program("status", "-c", config)
    assert (shown.code, shown.err) == (0, "")
    assert "can't be asked: the API server is out of reach" in " ".join(shown.out.split())
    daemon.end_all(meta_folder("meta"))
    shown = program("traffic", "show", "-c", config)
    assert (shown.code, shown.err) == (1, "")
    assert "can't be asked: listing clusters at 127.0.0.1" in shown.out
    assert "recorded before run " in shown.out


def _json(command: str, config: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(program(command, "-c", config, "--json").out)
    return told


def test_weights_go_back_by_a_teams_own_program(tmp_path: Path) -> None:
    options = {
        "command": [double("meta_command", tmp_path)],
        "environment": {"STATE": str(tmp_path / "state.json")},
        "secretEnvironment": {"TOKEN": {"variable": "A_TOKEN"}},
    }
    shift = {"step": "traffic-shift", "with": {"via": "command", "options": options}}
    config = write_config(tmp_path, pipeline=[shift])
    listed = {
        "blue": {"name": "blue", "score": 0, "available": False},
        "green": {"name": "green", "score": 50, "available": True},
    }
    (tmp_path / "state.json").write_text(json.dumps(listed))
    env = {"A_TOKEN": "s3cret-token"}
    saved = program("traffic", "show", "-c", config, "--json", env=env)
    assert saved.code == 0, saved.err
    wanted = json.loads(saved.out)
    for each in wanted["metaClusters"][0]["registrations"]:
        each.update({"score": 30, "cordoned": False} if each["name"] == "blue" else {"score": 20})
    (tmp_path / "wanted.json").write_text(json.dumps(wanted))
    restored = program("traffic", "restore", "-c", config, "--from", tmp_path / "wanted.json", "--json", env=env)
    assert restored.code == 0, restored.err
    (told,) = json.loads(restored.out)
    assert [(each["cluster"], each["property"], each["value"]) for each in told["writes"]] == [
        ("blue", "score", 30), ("blue", "cordoned", 0), ("green", "score", 20),
    ]  # fmt: skip
    assert told["shares"] == {"blue": 60, "green": 40}
    state = json.loads((tmp_path / "state.json").read_text())
    assert {name: (each["score"], each["available"]) for name, each in state.items()} == {
        "blue": (30, True), "green": (20, True),
    }  # fmt: skip
    (tmp_path / "busy").touch()
    failed = program("traffic", "restore", "-c", config, "--from", tmp_path / "wanted.json", env=env)
    assert (failed.code, "the control plane is busy" in failed.err, "Traceback" in failed.err) == (1, True, False)
