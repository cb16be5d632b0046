"""`upgrade commit` as its users call it, with a real repository."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from harness.program import program
from harness.upgrade_plans import plan_of

from ws_deployment.releases import plan_file

pytestmark = pytest.mark.real

ALPHA = """apiVersion: cluster.x-k8s.io/v1beta1
kind: Cluster
metadata: {name: alpha, namespace: org}
spec:
  version: "v1.29.4" # the version
  size: 1
"""
GIT = {
    **{f"GIT_{role}_{part}": "t@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")},
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "init.defaultBranch",
    "GIT_CONFIG_VALUE_0": "main",
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True, env=os.environ | GIT)
    return done.stdout


def test_a_plan_is_shown_committed_and_found_again(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    git(made, "init", "--quiet")
    (made / "alpha.yaml").write_text(ALPHA)
    git(made, "add", ".")
    git(made, "commit", "--quiet", "-m", "one")
    git(tmp_path, "clone", "--quiet", "--bare", "made", "origin.git")
    plan = tmp_path / "plan"
    list(plan_file.write(plan, [plan_of({"spec.version": "v1.29.4", "spec.size": 1})]))
    where = ["--repo", tmp_path / "origin.git", "--branch", "upgrade/alpha"]

    shown = program("upgrade", "commit", plan, *where, "--dry-run")
    assert (shown.code, "Nothing was pushed" in shown.err) == (0, True)
    removed, added = '-  version: "v1.29.4" # the version\n', '+  version: "v1.30.2" # the version\n'
    assert removed in shown.out
    assert added in shown.out
    assert "upgrade/alpha" not in git(tmp_path / "origin.git", "branch")

    pushed = program("upgrade", "commit", plan, *where)
    assert pushed.code == 0
    assert "1 file changed, 3 insertions(+), 2 deletions(-)" in pushed.out
    assert git(tmp_path / "origin.git", "show", "upgrade/alpha:alpha.yaml") == ALPHA.replace(
        "v1.29.4", "v1.30.2"
    ).replace("size: 1", "size: 3\n  class: aws")
    again = json.loads(program("upgrade", "commit", plan, *where, "--json").out)
    assert (again["before"], again["files"]) == (True, ["alpha.yaml"])

    (made / "alpha.yaml").write_text(ALPHA.replace("v1.29.4", "v1.29.9"))
    git(made, "commit", "--quiet", "-am", "two")
    git(made, "push", "--quiet", str(tmp_path / "origin.git"), "HEAD:main")
    drifted = program("upgrade", "commit", plan, "--repo", tmp_path / "origin.git", "--branch", "other")
    assert drifted.code == 3
    assert "alpha.yaml:1: spec.version is 'v1.29.9' there" in drifted.err


def test_a_repository_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    list(plan_file.write(plan, [plan_of({})]))
    env = {"WS_DEPLOYMENT_REPOSITORY": "http://robot:hunter2-git@127.0.0.1:9/nowhere.git"}
    ended = program("upgrade", "commit", plan, "--branch", "b", env=env)
    assert ended.code == 1
    assert "git ls-remote http://127.0.0.1:9/nowhere.git" in ended.err
    assert "hunter2" not in ended.err + ended.out
