"""Each refusal and error of the commands about runs, as the runbook's table has it: its words, its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.in_process import called
from harness.kept_runs import held
from harness.program import Ended

from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store

pytestmark = pytest.mark.real  # each has a state of its own: it takes long

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")


Command = Callable[..., Ended]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Calls the program in this process, with a state of the test's own and a config that only asks for an approval."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("WS_DEPLOYMENT_CONFIG", str(tmp_path / "config.yaml"))
    monkeypatch.delenv("WS_DEPLOYMENT_STATE", raising=False)
    cluster = {"name": "one", "prefix": "eu", "region": "europe-west1", "governedBy": "meta"}
    config = {
        "version": "v1",
        "environment": "staging",
        "project": "test",
        "metaClusters": [{"name": "meta", "region": "europe-west1", "type": "existing"}],
        "workspaceClusters": [{**cluster, "type": "existing", "create": False, "context": "none"}],
        "pipeline": ["approval"],
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config), encoding="utf-8")

    def call(*arguments: str) -> Ended:
        return called(monkeypatch, capsys, *arguments)

    return call


def begun(command: Command) -> str:
    """A run that waits for its approval."""
    ended = command("run", "--exit-on-wait", "--json")
    assert ended.code == 6, ended.err
    return str(json.loads(ended.out.splitlines()[0])["run"])


def left(tmp_path: Path, run: str, status: Status) -> None:
    """Have the state say that the run ended so."""
    store = Store(State(tmp_path / "state" / "ws-deployment"))
    store.finish(run, status)
    store.close()


def refused(ended: Ended, code: int, attempted: str, why: str) -> None:
    """It ended with that code and those words, one of each in the runbook's row, and without a traceback."""
    assert (ended.code, ended.out) == (code, "")
    assert attempted in ended.err
    assert why in ended.err
    assert "Traceback" not in ended.err
    rows = [line.split("|") for line in RUNBOOK.splitlines() if line.startswith(f"| `{attempted}")]
    assert any(row[3].strip() == str(code) for row in rows), f"the runbook has no row for {attempted}, {code}"


@pytest.mark.parametrize("what", ["resume", "retry", "rollback", "pause", "cancel", "approve", "show", "events"])
def test_nothing_to_look_at_without_a_state(command: Command, what: str) -> None:
    refused(command("runs", what, "latest"), 2, "opening the state in", "no run has written to it")


@pytest.mark.parametrize("what", ["resume", "retry", "rollback", "pause", "cancel", "approve", "show", "events"])
def test_a_name_that_fits_no_run(command: Command, what: str) -> None:
    begun(command)
    refused(command("runs", what, "1999"), 2, "finding run", "there is none")


def test_a_prefix_that_fits_several(command: Command) -> None:
    begun(command)
    assert command("run", "--new", "--exit-on-wait").code in {5, 6}
    command("runs", "cancel", "latest")
    begun(command)
    refused(command("runs", "show", "2"), 2, "finding run", "it fits")


def test_a_state_that_is_no_database(command: Command) -> None:
    refused(command("runs", "list", "--state", "mysql://x/y"), 2, "reading --state", "no URL of a PostgreSQL")


@pytest.mark.parametrize(
    ("status", "why"),
    [(Status.DONE, "it is done"), (Status.CANCELLED, "it is cancelled"), (Status.ROLLED_BACK, "it is rolled back")],
)
def test_what_has_ended_is_not_resumed(command: Command, tmp_path: Path, status: Status, why: str) -> None:
    run = begun(command)
    left(tmp_path, run, status)
    refused(command("runs", "resume", run), 3, "resuming", why)
    refused(command("runs", "cancel", run), 3, "cancelling", why)
    refused(command("runs", "pause", run), 3, "pausing", why)


def test_what_waits_is_neither_retried_nor_marked(command: Command) -> None:
    run = begun(command)
    refused(command("runs", "retry", run), 3, "retrying", "it is waiting")
    marked = command("runs", "mark-done", run, "run/approval", "--reason", "x")
    refused(marked, 3, "marking", "the run is waiting")
    refused(command("runs", "mark-done", run, "run/none", "--reason", "x"), 2, "marking", "no such task")


def test_an_approval_that_nobody_asked_for(command: Command) -> None:
    run = begun(command)
    refused(command("runs", "approve", run, "--task", "eu1/other"), 3, "approving", "it waits for run/approval")
    assert command("runs", "approve", run).code == 0
    assert command("runs", "resume", run).code == 0
    refused(command("runs", "retry", run), 2, "retrying", "no task of the run failed")
    refused(command("runs", "retry", run, "--only", "eu1/other"), 2, "retrying", "no such task")


def test_a_second_run_beside_an_unfinished_one(command: Command) -> None:
    run = begun(command)
    refused(command("run", "--output", "plain"), 3, "beginning a run of", f"its run {run} is waiting")
    assert command("runs", "cancel", run).code == 0
    assert begun(command) != run


def test_a_run_that_another_process_is_at(command: Command, tmp_path: Path) -> None:
    run = begun(command)
    holder = held(tmp_path / "state" / "ws-deployment", run)
    try:
        refused(command("runs", "resume", run), 5, "locking", "held by")
    finally:
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait()


def test_what_was_undone_is_neither_undone_nor_tried_again(command: Command, tmp_path: Path) -> None:
    run = begun(command)
    left(tmp_path, run, Status.ROLLED_BACK)
    refused(command("runs", "rollback", run), 3, "rolling back", "rolled back before")
    refused(command("runs", "retry", run), 3, "retrying", "it was rolled back")


def test_workers_need_a_database_that_they_share(command: Command) -> None:
    refused(command("worker"), 2, "working", "workers share no state folder")
    refused(command("run", "--detach"), 2, "detaching", "workers share no state folder")


def test_a_program_that_makes_other_tasks_of_the_config(command: Command, tmp_path: Path) -> None:
    run = begun(command)
    store = Store(State(tmp_path / "state" / "ws-deployment"))
    store.update(run, record=json.dumps({**store.record(run), "tasks": ["run/other"]}))
    store.close()
    refused(command("runs", "resume", run), 1, "going on with", "makes other tasks of its config")


def test_a_run_that_the_state_has_is_not_recovered(command: Command) -> None:
    run = begun(command)
    refused(command("runs", "recover", run), 3, "recovering", "the state has it")
    refused(command("runs", "recover", "20200101-000000-0000"), 3, "recovering", "nothing that can be seen bears")


def test_a_database_file_that_is_none(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "ws-deployment"
    folder.mkdir(parents=True)
    (folder / "state.db").write_bytes(b"no database" * 100)
    refused(command("runs", "list"), 1, "opening the state in", "not a database")
