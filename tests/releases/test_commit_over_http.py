"""`upgrade commit` to a git host that asks for a user and a password: real git on both sides."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doubles.git_host import PASSWORD, USER, GitHost, git_host
from harness.in_process import called
from harness.program import Ended
from harness.upgrade_repository import BRANCH, UPGRADED, git, make_origin, make_plan

pytestmark = pytest.mark.real

LOGIN = f"{USER}:{PASSWORD}"
Commit = Callable[..., Ended]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHost]:
    make_origin(tmp_path / "served")
    with git_host(tmp_path / "served") as running:
        yield running


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commit:
    """Calls `upgrade commit` for a user whose git writes down which programs it calls, with all of their words."""
    plan = make_plan(tmp_path)
    (tmp_path / "gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.com\n")
    (tmp_path / "tmp").mkdir()
    for name, value in (("GIT_CONFIG_GLOBAL", "gitconfig"), ("GIT_TRACE", "calls"), ("TMPDIR", "tmp")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr("tempfile.tempdir", None)  # it keeps the folder that it has found once

    def call(url: str, *words: str) -> Ended:
        monkeypatch.setenv("WS_DEPLOYMENT_REPOSITORY", url)
        return called(monkeypatch, capsys, "upgrade", "commit", str(plan), "--branch", BRANCH, *words)

    return call


def is_nowhere(secret: str, ended: Ended, folder: Path) -> None:
    """The secret is in nothing that was told, in no program's words, and in no file; nothing is left lying about."""
    told = ended.out + ended.err + (folder / "calls").read_text()
    assert "git-remote-http" in told, "calls are written down"
    assert secret not in told
    assert list((folder / "tmp").iterdir()) == []
    for path in (folder / "served").rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def pushed(folder: Path) -> str:
    return git(folder / "served" / "origin.git", "show", f"{BRANCH}:alpha.yaml") + "\n"


def test_a_password_in_the_variable_pushes_and_is_nowhere_else(commit: Commit, host: GitHost, tmp_path: Path) -> None:
    shown = commit(host.url("origin.git", LOGIN), "--dry-run")
    assert (shown.code, BRANCH in git(tmp_path / "served" / "origin.git", "branch")) == (0, False), shown.err
    ended = commit(host.url("origin.git", LOGIN))
    assert ended.code == 0, ended.err
    assert pushed(tmp_path) == UPGRADED
    is_nowhere(PASSWORD, ended, tmp_path)
    again = commit(host.url("origin.git", LOGIN), "--json")
    assert (again.code, '"before": true' in again.out) == (0, True), again.err


@pytest.mark.parametrize("way", ["store", "askpass", "environment"])
def test_gits_own_credentials_push(
    commit: Commit, host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "store":
        (tmp_path / "credentials").write_text(f"{host.url('', LOGIN)}\n")
        with (tmp_path / "gitconfig").open("a") as config:
            config.write(f"[credential]\nhelper = store --file={tmp_path / 'credentials'}\n")
    elif way == "askpass":
        ask = tmp_path / "ask"
        ask.write_text(f'#!/bin/sh\ncase "$1" in Username*) echo {USER};; *) echo {PASSWORD};; esac\n')
        ask.chmod(0o700)
        monkeypatch.setenv("GIT_ASKPASS", str(ask))
    else:
        helper = '!f() { echo "username=$HOST_USER"; echo "password=$HOST_PASSWORD"; }; f'
        for name, value in (("COUNT", "1"), ("KEY_0", "credential.helper"), ("VALUE_0", helper)):
            monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
        monkeypatch.setenv("HOST_USER", USER)
        monkeypatch.setenv("HOST_PASSWORD", PASSWORD)
    ended = commit(host.url("origin.git"))
    assert ended.code == 0, ended.err
    assert pushed(tmp_path) == UPGRADED
    is_nowhere(PASSWORD, ended, tmp_path)


@pytest.mark.parametrize("login", [f"{USER}:wrong-secret", "", f"nobody:{PASSWORD}"])
def test_a_wrong_password_or_none_is_told_and_nothing_is_half_done(
    commit: Commit, host: GitHost, tmp_path: Path, login: str
) -> None:
    before = git(tmp_path / "served" / "origin.git", "for-each-ref")
    ended = commit(host.url("origin.git", login))
    assert (ended.code, ended.out) == (1, "")
    assert f"git ls-remote {host.url('origin.git')}" in ended.err
    assert "user and password" in ended.err
    assert "credential helper" in ended.err
    assert git(tmp_path / "served" / "origin.git", "for-each-ref") == before
    is_nowhere(login.partition(":")[2] or PASSWORD, ended, tmp_path)


def test_who_may_read_and_not_push_is_told_and_nothing_is_half_done(
    commit: Commit, host: GitHost, tmp_path: Path
) -> None:
    host.may_push = False
    before = git(tmp_path / "served" / "origin.git", "for-each-ref")
    ended = commit(host.url("origin.git", LOGIN))
    assert (ended.code, ended.out) == (1, "")
    assert "returned error: 403" in ended.err
    assert "may push there" in ended.err
    assert git(tmp_path / "served" / "origin.git", "for-each-ref") == before
    is_nowhere(PASSWORD, ended, tmp_path)
    host.may_push = True
    assert commit(host.url("origin.git", LOGIN)).code == 0


def test_settings_that_the_environment_has_hold_beside_the_password(
    commit: Commit, host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("COUNT", "1"), ("KEY_0", "user.name"), ("VALUE_0", "Grace")):
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    assert commit(host.url("origin.git", LOGIN)).code == 0
    assert git(tmp_path / "served" / "origin.git", "log", "-1", "--format=%an", BRANCH) == "Grace"


def test_on_a_terminal_it_asks_nothing_and_does_not_wait(host: GitHost, tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "upgrade", "commit", str(make_plan(tmp_path))]
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    child = subprocess.Popen(
        [*argv, "--repo", host.url("origin.git"), "--branch", BRANCH],
        stdin=end,
        stdout=end,
        stderr=end,
        env=env,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  the terminal is the child's own
    )
    os.close(end)
    try:
        assert child.wait(30) == 1
    finally:
        child.kill()
        child.wait()
        told = os.read(terminal, 65536).decode()
        os.close(terminal)
    assert "user and password" in told
    assert "Username for" not in told.replace("could not read Username for", "")
