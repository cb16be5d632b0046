"""Commits of upgrades are signed where the user's git signs, by a real key; else they are not made."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.in_process import called
from harness.program import Ended
from harness.upgrade_repository import BRANCH, git, make_origin, make_plan

pytestmark = pytest.mark.real

Commit = Callable[..., Ended]


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commit:
    """Calls `upgrade commit` for a user who signs with an SSH key, which `passphrase` guards."""
    origin, plan = make_origin(tmp_path), make_plan(tmp_path)

    def call(passphrase: str = "", key: str = "key") -> Ended:
        if shutil.which("ssh-keygen") is None:
            pytest.fail("git signs by ssh-keygen, which is missing: `make system`, or install openssh-client")
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "ada@example.com", "-f", "key"]
        subprocess.run(make, cwd=tmp_path, check=True)
        (tmp_path / "signers").write_text(f"ada@example.com {(tmp_path / 'key.pub').read_text()}")
        (tmp_path / "gitconfig").write_text(
            f"[user]\nname = Ada\nemail = ada@example.com\nsigningKey = {tmp_path / key}.pub\n"
            f'[commit]\ngpgSign = true\n[gpg]\nformat = ssh\n[gpg "ssh"]\nallowedSignersFile = {tmp_path / "signers"}\n'
        )
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
        for name in ("SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        return called(monkeypatch, capsys, "upgrade", "commit", str(plan), "--repo", str(origin), "--branch", BRANCH)

    return call


def test_a_commit_is_signed_where_the_users_git_signs(commit: Commit, tmp_path: Path) -> None:
    ended = commit()
    assert ended.code == 0, ended.err
    verify = ["git", "--git-dir", str(tmp_path / "origin.git"), "verify-commit", BRANCH]
    verified = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stderr
    assert 'Good "git" signature for ada@example.com' in verified.stderr


@pytest.mark.parametrize("how", [{"key": "lost"}, {"passphrase": "nobody types it"}])
def test_what_can_not_be_signed_is_told_and_not_pushed(commit: Commit, tmp_path: Path, how: dict[str, str]) -> None:
    ended = commit(**how)
    assert (ended.code, ended.out) == (1, "")
    assert "git commit" in ended.err
    assert "user.signingKey" in ended.err
    assert "may read the repository" not in ended.err, "that is another matter"
    assert BRANCH not in git(tmp_path / "origin.git", "branch")
