"""commit-upgrade by real git, on a bare repository."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from harness.upgrade_context import UpgradeContext
from ws_deployment_steps.commit_upgrade import CommitUpgrade, CommitUpgradeParameters

from ws_deployment.errors import RefusedError
from ws_deployment.interfaces import Change, NotYetError, SecretReference, Undo

CLUSTER = """# alpha, of the platform team
apiVersion: cluster.x-k8s.io/v1beta1
kind: Cluster
metadata: {name: alpha, namespace: org}
spec:
  version: 'v1.29.4'  # quoted
  size: 1
"""


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "alpha.yaml").write_text(CLUSTER)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "one")
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "origin.git")
    return tmp_path / "origin.git"


def step(origin: Path, **given: Any) -> CommitUpgrade:
    return CommitUpgrade(CommitUpgradeParameters.model_validate({"repo": str(origin), **given}))


def test_it_shows_the_difference_and_pushes_a_branch_of_it(tmp_path: Path, origin: Path) -> None:
    context = UpgradeContext(tmp_path)
    plan = step(origin).plan(context)
    assert plan.summary == "push upgrade/alpha-25.1.0: alpha.yaml"
    assert plan.change is Change.CREATE
    assert "+  version: 'v1.30.2'  # quoted" in plan.diff
    assert git(origin, "branch", "--list", "upgrade/*") == "", "a plan pushes nothing"

    done = step(origin).run(context, plan.subtasks[0])
    assert (done["branch"], done["files"]) == ("upgrade/alpha-25.1.0", ["alpha.yaml"])
    assert "version: 'v1.30.2'  # quoted" in git(origin, "show", "upgrade/alpha-25.1.0:alpha.yaml")
    assert "version: 'v1.29.4'" in git(origin, "show", "main:alpha.yaml")
    again = step(origin).run(context, plan.subtasks[0])
    assert again["commit"] == done["commit"], "what a killed attempt has pushed is found"
    assert step(origin).plan(context).change is Change.NONE

    back = step(origin).plan_rollback(context, Undo(plan, ("push",)))
    assert (back.change, back.subtasks) == (Change.NONE, ())
    assert "upgrade/alpha-25.1.0" in back.summary


def test_a_branch_that_holds_something_else_is_refused(tmp_path: Path, origin: Path) -> None:
    with pytest.raises(RefusedError, match="holds something else"):
        step(origin, branch="main").plan(UpgradeContext(tmp_path))


def test_a_repository_that_says_so_already_has_nothing_to_do(tmp_path: Path, origin: Path) -> None:
    context = UpgradeContext(tmp_path)
    pushed = step(origin, branch="next-${cluster.prefix}").plan(context)
    step(origin, branch="next-${cluster.prefix}").run(context, pushed.subtasks[0])
    plan = step(origin, base="next-eu").plan(context)
    assert (plan.change, plan.subtasks) == (Change.NONE, ())


def test_a_url_with_a_token_comes_by_reference(tmp_path: Path, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = UpgradeContext(tmp_path)
    asked: list[SecretReference] = []
    monkeypatch.setattr(context, "secret", lambda reference: asked.append(reference) or str(origin))
    plan = CommitUpgrade(CommitUpgradeParameters.model_validate({"repo": {"variable": "REPO"}})).plan(context)
    assert plan.change is Change.CREATE
    assert asked[0].variable == "REPO"
    assert str(origin) not in str(plan)


def test_before_the_diff_it_is_known_later_in_a_dry_run_alone(tmp_path: Path, origin: Path) -> None:
    assert step(origin).plan(UpgradeContext(tmp_path, None, dry_run=True)).change is Change.UNKNOWN
    with pytest.raises(NotYetError):
        step(origin).plan(UpgradeContext(tmp_path, None))
