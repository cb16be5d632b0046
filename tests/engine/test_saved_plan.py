from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from engine.noop import config

from ws_deployment.engine import saved_plan
from ws_deployment.engine.outcome import Checked, Intent, Status
from ws_deployment.engine.pipeline import Task
from ws_deployment.engine.saved_plan import SavedPlan, digests, files_beside, keep_files, staging, write
from ws_deployment.errors import StalePlanError, UsageError
from ws_deployment.interfaces import Change, Scope, StepPlan, SubTask


def plan(folder: Path, **files: str) -> SavedPlan:
    task = Task("eu17/create", "create", Scope.CLUSTER, "eu17", ("eu17",), ())
    step = StepPlan("make it", Change.CREATE, "+ it", ("when",), {"module": "abc"}, (SubTask("run", data={"a": 1}),))
    return SavedPlan(
        run="20261121-091533-7f3a",
        made=saved_plan.now(),
        config=config({"eu": "meta"}),
        config_file=folder / "config.yaml",
        cluster_id=17,
        only=("eu",),
        exclude=(),
        fleet="test-staging",
        clusters=("gp-stag-ws-eu17-eu-west1",),
        planned=((task, Intent(Status.RUNNING, (Checked("free", "proceed"),), step)),),
        unasked=("names",),
        files=files,
    )


def saved(folder: Path) -> Path:
    path = folder / "plan.json"
    staged = staging(path)
    (staged / "eu17.create").mkdir(mode=0o700)
    (staged / "eu17.create" / "cluster.tfplan").write_text("a plan")
    write(path, plan(folder, **digests(staged)), staged)
    return path


def changed(path: Path, **parts: Any) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | parts))
    return path


def test_what_is_read_is_what_was_saved(tmp_path: Path) -> None:
    path = saved(tmp_path)
    read = SavedPlan.read(path)
    folder = files_beside(path)
    assert read.planned == plan(tmp_path).planned
    assert read.as_json() == plan(tmp_path, **digests(folder)).as_json() | {"made": read.made}
    assert read.folder == folder
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, folder)] == [0o600, 0o700]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["plan.json", "plan.json.files"]


def test_saving_again_leaves_nothing_of_the_former_plan(tmp_path: Path) -> None:
    path = saved(tmp_path)
    write(path, plan(tmp_path), staging(path))
    assert SavedPlan.read(path).folder is None
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_a_run_keeps_files_of_its_own(tmp_path: Path) -> None:
    read = SavedPlan.read(saved(tmp_path))
    kept = keep_files(read, tmp_path / "runs" / "1" / "plan")
    assert kept
    copy = kept / "eu17.create" / "cluster.tfplan"
    assert copy.read_text() == "a plan"
    assert [stat.S_IMODE(each.stat().st_mode) for each in (kept, copy)] == [0o700, 0o600]


def test_another_format_is_stale(tmp_path: Path) -> None:
    path = changed(saved(tmp_path), v=2, program="9.9")
    with pytest.raises(StalePlanError, match=r"9\.9 saved it in format 2, and this one .* reads format 1"):
        SavedPlan.read(path)


@pytest.mark.parametrize("how", ["changed", "gone", "more"])
def test_files_that_were_not_planned_are_stale(tmp_path: Path, how: str) -> None:
    path = saved(tmp_path)
    file = files_beside(path) / "eu17.create" / "cluster.tfplan"
    if how == "gone":
        file.unlink()
    else:
        (file if how == "changed" else file.with_name("more")).write_text("another")
    named = "more" if how == "more" else "cluster.tfplan"
    with pytest.raises(StalePlanError, match=rf"eu17\.create/{named} in plan\.json\.files is not what was planned"):
        SavedPlan.read(path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no JSON"),
        ("[]", "no saved plan"),
        ('{"a": 1}', "no saved plan"),
        ('{"v": 1, "tasks": []}', "KeyError"),
    ],
)
def test_what_is_no_plan_is_told(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=why):
        SavedPlan.read(path)


def test_a_missing_plan_and_a_missing_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        SavedPlan.read(tmp_path / "plan.json")
    with pytest.raises(UsageError, match="another path"):
        staging(tmp_path / "nowhere" / "plan.json")


def test_a_config_that_was_edited_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path)
    edited = json.loads(path.read_text())["config"] | {"environment": "production"}
    with pytest.raises(UsageError, match="its config is not the one that was planned"):
        SavedPlan.read(changed(path, config=edited))
