"""Upgrades committed to real repositories by real git: what is pushed, what is left alone, what is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ws_deployment.clients.git_command import GitError
from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.releases import plan_file
from ws_deployment.releases.paths import ABSENT, path_of
from ws_deployment.releases.plan import Action, FieldChange, Kept, KeptField, ObjectPlan, Problem, Rule, UpgradePlan
from ws_deployment.releases.repository.commit import Change, Target, commit

CLUSTER = b"""# alpha, of the platform team\r
apiVersion: cluster.x-k8s.io/v1beta1\r
kind: Cluster\r
metadata: {name: alpha, namespace: org-acme}\r
spec:\r
  topology:\r
    version: 'v1.29.4' # {"$policy": "x"}\r
"""
BRANCH = "upgrade/alpha-25.1.0"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository, whose attributes would convert line ends where git had its way."""
    folder = tmp_path / "made"
    (folder / "clusters").mkdir(parents=True)
    git(folder, "init", "--quiet")
    (folder / "clusters" / "alpha.yaml").write_bytes(CLUSTER)
    (folder / "link.yaml").symlink_to("clusters/alpha.yaml")
    git(folder, "-c", "core.autocrlf=false", "add", ".")
    (folder / ".gitattributes").write_text("*.yaml text eol=lf\n")
    git(folder, "-c", "core.autocrlf=false", "add", ".gitattributes")
    git(folder, "commit", "--quiet", "-m", "one")
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "origin.git")
    return tmp_path / "origin.git"


def plan(**changes: Any) -> UpgradePlan:
    change = FieldChange(path_of("spec.topology.version"), "v1.29.4", "v1.30.2", Rule.OVERWRITE)
    added = FieldChange(path_of("spec.topology.class"), ABSENT, "aws", Rule.EMPTY)
    cluster = ObjectPlan("cluster.x-k8s.io/v1beta1", "Cluster", "org-acme", "alpha", Action.CHANGE)
    whole = UpgradePlan("alpha", "org-acme", "25.0.0", "25.1.0", (replace(cluster, changes=(change, added)),))
    return replace(whole, **changes)


def target(origin: Path, **changes: Any) -> Target:
    return replace(Target(str(origin), BRANCH), **changes)


def test_the_branch_holds_the_change_and_every_other_byte(origin: Path) -> None:
    made = commit([plan()], target(origin))
    assert made.files == ("clusters/alpha.yaml",)
    wanted = CLUSTER.replace(b"v1.29.4", b"v1.30.2") + b"    class: aws\r\n"
    shown = subprocess.run(
        ["git", "show", f"{BRANCH}:clusters/alpha.yaml"], cwd=origin, check=True, capture_output=True
    )
    assert shown.stdout == wanted
    assert git(origin, "diff", "--name-only", "main", BRANCH) == "clusters/alpha.yaml"
    assert git(origin, "rev-parse", f"{BRANCH}^") == git(origin, "rev-parse", "main") == made.base
    assert git(origin, "rev-parse", BRANCH) == made.commit
    assert "1 file changed, 2 insertions(+), 1 deletion(-)" in made.stat
    message = git(origin, "log", "-1", "--format=%B", BRANCH).splitlines()
    assert message[0] == "Upgrade alpha from 25.0.0 to 25.1.0"
    assert "Cluster org-acme/alpha: 2 fields" in message
    assert message[-1] == f"Upgrade-Plan: {plan().fingerprint}"


def test_a_dry_run_shows_the_difference_and_pushes_nothing(origin: Path) -> None:
    before = git(origin, "for-each-ref")
    made = commit([plan()], target(origin), dry_run=True)
    assert "-    version: 'v1.29.4'" in made.diff
    assert "+    version: 'v1.30.2'" in made.diff
    assert made.commit == ""
    assert git(origin, "for-each-ref") == before


def test_what_the_base_says_already_makes_no_commit(origin: Path) -> None:
    commit([plan()], target(origin))
    git(origin, "update-ref", "refs/heads/main", BRANCH)
    made = commit([plan()], target(origin, branch="again"))
    assert made == Change("again", git(origin, "rev-parse", "main"))
    assert "again" not in git(origin, "branch", "--list")


def test_committing_again_leaves_the_branch_as_it_is_though_its_base_has_moved(origin: Path, tmp_path: Path) -> None:
    first = commit([plan()], target(origin), message="Mine\n\nand why")
    again = commit([plan()], target(origin))
    assert (again.commit, again.before) == (first.commit, True)
    git(tmp_path, "clone", "--quiet", str(origin), "other")
    (tmp_path / "other" / "new").touch()
    git(tmp_path / "other", "add", "new")
    git(tmp_path / "other", "commit", "--quiet", "-m", "two")
    git(tmp_path / "other", "push", "--quiet", "origin", "HEAD:main")
    moved = commit([plan()], target(origin))
    assert (moved.commit, moved.before) == (first.commit, True)
    assert git(origin, "log", "-1", "--format=%s", BRANCH) == "Mine"


@pytest.mark.parametrize("content", ["main", "other"])
def test_a_branch_that_holds_something_else_is_refused_and_stays(origin: Path, content: str) -> None:
    if content == "other":
        other = FieldChange(path_of("spec.topology.version"), "v1.29.4", "v1.31.0", Rule.OVERWRITE)
        commit([plan(objects=(replace(plan().objects[0], changes=(other,)),))], target(origin))
    else:
        git(origin, "branch", BRANCH, "main")
    before = git(origin, "rev-parse", BRANCH)
    for dry_run in (True, False):
        with pytest.raises(RefusedError, match="holds something else"):
            commit([plan()], target(origin), dry_run=dry_run)
    assert git(origin, "rev-parse", BRANCH) == before


def test_a_base_may_be_named_and_where_to_look(origin: Path) -> None:
    git(origin, "branch", "staging", "main")
    assert commit([plan()], target(origin, base="staging", below="clusters")).commit
    with pytest.raises(GitError, match="nowhere"):
        commit([plan()], target(origin, base="nowhere"))
    with pytest.raises(RefusedError, match="no such path"):
        commit([plan()], target(origin, branch="b", below="../.."))


def test_the_name_that_git_is_set_up_with_commits_else_the_programs(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.delenv("EMAIL", raising=False)
    commit([plan()], target(origin, branch="a"))
    assert git(origin, "log", "-1", "--format=%an %cn", "a") == "ws-deployment ws-deployment"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ada@example.com")
    commit([plan()], target(origin, branch="b"))
    assert git(origin, "log", "-1", "--format=%an %cn", "b") == "Ada ws-deployment"


def test_a_users_hooks_have_no_say(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "commit-msg", "pre-push"):
        (hooks / name).write_text("#!/bin/sh\nexit 1\n")
        (hooks / name).chmod(0o755)
    (tmp_path / "gitconfig").write_text(f"[core]\n\thooksPath = {hooks}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    assert commit([plan()], target(origin)).commit


def test_what_the_server_says_is_told_and_its_refusal_is_an_error(origin: Path) -> None:
    hook = origin / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'begin a review: https://git.example.com/new' >&2\n")
    hook.chmod(0o755)
    assert commit([plan()], target(origin, branch="a")).said == ("begin a review: https://git.example.com/new",)
    hook.write_text("#!/bin/sh\necho 'not today' >&2; exit 1\n")
    with pytest.raises(GitError, match="not today"):
        commit([plan()], target(origin, branch="b"))


#: Commits, and kills itself when git has been called so often, before or after a push is among the calls.
COMMITTER = """
import os, signal, sys
from ws_deployment.clients.git_command import GitCommand
from ws_deployment.releases import plan_file
from ws_deployment.releases.repository.commit import Target, commit
from pathlib import Path
call, when, word = GitCommand.completed, *sys.argv[3:]
def killing(self, *words, **more):
    if word in words and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = call(self, *words, **more)
    if word in words:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
GitCommand.completed = killing
commit(plan_file.read(Path(sys.argv[1])), Target(sys.argv[2], "upgrade/alpha-25.1.0"))
"""


@pytest.mark.real
@pytest.mark.parametrize(("when", "word"), [("after", "commit"), ("before", "push"), ("after", "push")])
def test_killed_beside_its_commit_or_push_the_next_call_ends_with_one_commit(
    origin: Path, tmp_path: Path, when: str, word: str
) -> None:
    list(plan_file.write(tmp_path / "plan", [plan()]))
    argv = [sys.executable, "-c", COMMITTER, str(tmp_path / "plan"), str(origin), when, word]
    assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL
    made = commit([plan()], target(origin))
    assert made.before is (when == "after" and word == "push")
    assert git(origin, "rev-parse", f"{BRANCH}^") == git(origin, "rev-parse", "main")
    assert git(origin, "rev-parse", BRANCH) == made.commit
    git(origin, "fsck", "--strict")


@pytest.mark.parametrize("branch", ["-f", "a..b", "a b", "", "x.lock"])
def test_a_name_that_is_none_is_a_fault_of_usage(origin: Path, branch: str) -> None:
    with pytest.raises(UsageError):
        commit([plan()], target(origin, branch=branch))


def test_an_open_question_and_a_problem_are_refused_before_git_is_called(tmp_path: Path) -> None:
    asked = KeptField(path_of("spec.size"), 1, 2, Kept.ASK)
    questions = plan(objects=(replace(plan().objects[0], kept=(asked,)),))
    with pytest.raises(RefusedError, match=r"spec\.size"):
        commit([questions], target(tmp_path / "nowhere"))
    with pytest.raises(RefusedError, match="it goes back"):
        commit([plan(problems=(Problem("alpha", "it goes back"),))], target(tmp_path / "nowhere"))
