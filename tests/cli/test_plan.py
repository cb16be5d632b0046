"""`plan`, `show-plan`, `apply` as commands: exit codes and what is kept. What a plan does is tested on real parts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from harness.configs import write_config
from harness.program import program

pytestmark = pytest.mark.real

META = [{"name": "meta", "region": "europe-west1", "type": "existing"}]


def config_with(folder: Path, look: str = "{'exists': False}", **cluster: Any) -> Path:
    """A config whose one step has a team's own program make the cluster."""
    maker = folder / "make.py"
    maker.write_text(f"import json, sys\nif json.load(sys.stdin)['action'] == 'look': print(json.dumps({look}))\n")
    usual = {"prefix": "eu", "region": "europe-west1", "governedBy": "meta", "type": "command"}
    cluster = {**usual, "command": [sys.executable, str(maker)], **cluster}
    return write_config(folder, metaClusters=META, workspaceClusters=[cluster], pipeline=["create-cluster"])


def nothing_to_do(folder: Path) -> Path:
    return config_with(folder, create=False, name="there")


def refusing(folder: Path) -> Path:
    return config_with(folder, look="{'exists': True, 'run': 'another'}")


def test_without_detailed_exitcode_a_plan_is_0_whatever_it_changes(tmp_path: Path) -> None:
    ended = program("plan", "-c", config_with(tmp_path), "--cluster-id", "17")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == program("run", "-c", tmp_path / "config.yaml", "--dry-run", "--cluster-id", "17").out


@pytest.mark.parametrize(("config", "code"), [(nothing_to_do, 0), (config_with, 2), (refusing, 1)])
def test_detailed_exitcode_tells_whether_there_are_changes(tmp_path: Path, config: Any, code: int) -> None:
    ended = program("plan", "-c", config(tmp_path), "--detailed-exitcode")
    assert ended.code == code, ended.out + ended.err


def test_with_detailed_exitcode_every_fault_is_1(tmp_path: Path) -> None:
    config = config_with(tmp_path)
    faults: list[list[str | Path]] = [
        ["--nonsense"],
        ["-c", tmp_path / "nowhere.yaml"],
        ["-c", config, "--only", "us"],
        ["-c", config, "--out", tmp_path / "nowhere" / "plan.json"],
    ]
    for arguments in faults:
        assert program("plan", "--detailed-exitcode", *arguments).code == 1
        assert program("plan", *arguments).code == 2


def test_a_plan_that_can_not_be_carried_out_is_shown_and_not_kept(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    ended = program("plan", "-c", refusing(tmp_path), "--cluster-id", "7", "--out", out)
    assert ended.code == 3
    assert "of run another" in ended.out
    assert "Not kept, because it can't be carried out: eu7/create-cluster." in ended.err
    assert [path.name for path in tmp_path.iterdir() if "plan" in path.name] == []


def test_a_saved_plan_is_shown_as_it_was_printed(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    for form in ("text", "markdown", "json"):
        printed = program("plan", "-c", config_with(tmp_path), "--cluster-id", "17", "--out", out, "--format", form)
        assert printed.code == 0, printed.err
        assert f"ws-deployment apply {out}" in printed.err
        shown = program("show-plan", out, "--format", form)
        assert (shown.code, shown.out) == (0, printed.out)
    assert json.loads(program("show-plan", out, "--json").out)["clusterId"] == 17


def test_what_is_no_plan_is_a_fault_of_usage_and_a_plan_of_another_format_is_stale(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    for command in ("show-plan", "apply"):
        out.write_text("{}")
        assert program(command, out).code == 2
        out.write_text('{"v": 9, "tasks": []}')
        ended = program(command, out)
        assert ended.code == 4
        assert "Plan again, review the new plan, and apply that." in ended.err
