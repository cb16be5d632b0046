"""Files that hold no upgrade plan, given to every command that reads one; and names that nothing can be kept under."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from harness.in_process import called
from harness.program import Ended
from harness.upgrade_plans import plan_of

from ws_deployment.errors import UsageError
from ws_deployment.releases import plan_file
from ws_deployment.releases.plan import UpgradePlan

Command = Callable[..., Ended]
COMMANDS = {
    "apply": ["apply"],
    "show-plan": ["show-plan"],
    "commit": ["commit", "--repo", "nowhere", "--branch", "b"],
    "schedule": ["schedule", "--at", "2099-11-28T02:00+01:00"],
}
#: A run's plan, as `ws-deployment plan --out` keeps it.
RUNS_PLAN = {"v": 1, "program": "0.1.0", "made": 0.0, "run": "20261121-091533-7f3a", "config": {}, "tasks": []}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    monkeypatch.chdir(tmp_path)
    return lambda *words: called(monkeypatch, capsys, "upgrade", *words)


def folder(path: Path) -> None:
    path.mkdir()


def text(made: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(made.encode() if isinstance(made, str) else made)


def printed(form: str) -> Callable[[Path], object]:
    """What `upgrade plan --format` prints, redirected into a file instead of --out."""
    plan = json.loads(json.dumps(plan_of({}).as_json()))
    made = json.dumps([plan], indent=2) if form == "json" else f"---\n{yaml.safe_dump(plan)}"
    return text(made)


def unreadable(path: Path) -> None:
    path.symlink_to(path)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "none": (lambda _: None, "No such file or directory"),
    "a folder": (folder, "Is a directory"),
    "empty": (text(""), "it holds none"),
    "blank": (text("\n\n"), "it holds none"),
    "bytes": (text(b"\x80\xff\x00"), "it is no text"),
    "prose": (text("my plan is to go home\n"), "it is no upgrade plan"),
    "a number": (text("7\n"), "it is no upgrade plan"),
    "a run's plan": (text(json.dumps(RUNS_PLAN)), "it is no upgrade plan"),
    "a run's plan, laid out": (text(json.dumps(RUNS_PLAN, indent=2)), "it is no upgrade plan"),
    "another format": (text(json.dumps({**plan_of({}).as_json(), "v": 2})), "it is of format 2"),
    "printed json": (printed("json"), "it is no upgrade plan"),
    "printed yaml": (printed("yaml"), "it is no upgrade plan"),
    "a loop": (unreadable, "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("name", COMMANDS)
def test_what_holds_no_plan_is_told_with_its_name_and_what_makes_one(
    command: Command, tmp_path: Path, name: str, what: str
) -> None:
    make, why = FILES[what]
    make(tmp_path / "given")
    ended = command(*COMMANDS[name], "given")
    assert (ended.code, ended.out) == (2, "")
    assert "reading plans from given" in ended.err
    assert why in ended.err
    assert "ws-deployment upgrade plan --out" in ended.err
    assert not list((tmp_path).glob("**/*.db")), "nothing is kept of it"


@pytest.mark.parametrize("out", [".", "/", "made", "no/where"])
def test_a_name_that_no_plan_can_be_kept_under_is_told_before_anything_is_planned(out: str, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    planned: list[UpgradePlan] = []

    def planning() -> Iterator[UpgradePlan]:
        planned.append(plan_of({}))
        yield planned[0]

    with pytest.raises(UsageError, match=r"Give --out another path"):
        list(plan_file.write(tmp_path / out, planning()))
    assert not planned
    assert [one.name for one in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("url", ["http://[::1/x.git", "https://robot:hunter2-git@[x/y"])
def test_what_is_no_url_is_told_without_its_password(command: Command, tmp_path: Path, url: str) -> None:
    list(plan_file.write(tmp_path / "plan", [plan_of({})]))
    ended = command("commit", "plan", "--repo", url, "--branch", "b")
    assert (ended.code, ended.out) == (2, "")
    assert "Invalid IPv6 URL" in ended.err
    assert "hunter2" not in ended.err


@pytest.mark.parametrize("words", [("--branch", "b"), ("--repo", "x"), ("--repo", "-x", "--branch", "b")])
def test_a_commit_needs_a_repository_and_a_branch(command: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    list(plan_file.write(tmp_path / "plan", [plan_of({})]))
    assert command("commit", "plan", *words).code == 2
