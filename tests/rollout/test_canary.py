"""A rollout that begins with a canary, and its way back: the whole program."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.configs import write_config
from harness.program import program

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import HasPermission
from ws_deployment.lab.meta import meta_endpoint

pytestmark = pytest.mark.real

BARE = ["create-cluster", "register-cluster"]
AT_ONCE = {"step": "traffic-shift", "with": {"stages": [100], "hold": 0}}
STAGES = [{"canary": {"permission": "monitor"}, "approve": "Was it good?"}, 50, 100]
CANARY = {"step": "traffic-shift", "with": {"stages": STAGES, "hold": 0}}


def registered() -> dict[str, tuple[int, str, tuple[object, ...]]]:
    with BridgeClient(meta_endpoint("meta")) as bridge:
        return {one.name: (one.score, one.state.name, one.admission_constraints) for one in bridge.list()}


def test_a_canary_waits_for_a_person_and_can_be_taken_back(tmp_path: Path) -> None:
    config = write_config(tmp_path, pipeline=[*BARE, AT_ONCE])
    ended = program("run", "-c", config, "--json", "--cluster-id", "1")
    assert ended.code == 0, ended.err
    before = registered()

    config = write_config(tmp_path, pipeline=[*BARE, CANARY])
    waiting = program("run", "-c", config, "--cluster-id", "2", "--exit-on-wait", "--output", "plain")
    assert waiting.code == 6, waiting.err
    assert "a canary of users with the permission `monitor` → 50 % → 100 %" in waiting.err
    assert registered()["eu2"] == (25, "AVAILABLE", (HasPermission("monitor"),))
    assert registered()["eu1"][:2] == (25, "AVAILABLE")

    assert program("runs", "approve", "latest").code == 0
    ended = program("runs", "resume", "latest", "--output", "plain")
    assert ended.code == 0, ended.err
    assert registered() == {"eu1": (0, "CORDONED", ()), "eu2": (50, "AVAILABLE", ())}
    assert "a canary of users with the permission `monitor`" in ended.err + ended.out

    ended = program("runs", "rollback", "latest", "--output", "plain")
    assert ended.code == 0, ended.err
    assert registered()["eu1"] == before["eu1"]
    assert registered()["eu2"][1:] == ("CORDONED", ())
