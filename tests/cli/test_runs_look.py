from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from engine.noop import Asking, Script, Scripted, carry_out, config, configured
from harness import event_streams as streams
from harness import gated_streams as gated
from harness.kept_runs import held, keep
from harness.program import program
from typer.testing import CliRunner

from ws_deployment.cli.runs import app
from ws_deployment.engine import journal, leases
from ws_deployment.engine.interrupted import WaitingRunError
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.sessions import opened as session_of
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store, Wait, Word
from ws_deployment.errors import UsageError

pytestmark = pytest.mark.real

Runs = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "ws-deployment"


@pytest.fixture
def runs() -> Runs:
    def call(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return call


def wait(folder: Path, run: str, task: str = "eu17/register-cluster") -> None:
    store = Store(State(folder))
    store.begin_wait(Wait(run, task, "ask", "May eu17 take users?", time.time() - 100, None))
    store.close()


# -- list ----------------------------------------------------------------------------------------------------------


def test_no_state_is_an_empty_list_and_none_is_made(folder: Path, runs: Runs) -> None:
    shown = runs("list")
    assert shown.stdout == ""
    assert f"no run so far in {folder}" in shown.stderr
    assert json.loads(runs("list", "--json").stdout) == []
    assert not folder.exists()


def test_the_newest_come_first_with_what_they_wait_for_in_80_columns(folder: Path, runs: Runs) -> None:
    keep(folder, created=time.time() - 7200.0, finished=time.time() - 6591.0)
    keep(folder, streams.asking("waiting"), Status.WAITING, id="20261121-111500-cccc", created=time.time() - 200.0)
    undo = {"id": "20261121-120000-dddd", "kind": "rollback", "of": streams.RUN, "created": time.time() - 100.0}
    keep(folder, streams.interrupted(), Status.INTERRUPTED, fleet="a-very-long-name-of-a-fleet-indeed", **undo)
    wait(folder, "20261121-111500-cccc")
    lines = runs("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["run", "■", "undoes", "·", "waits", "✓"]
    assert lines[1].startswith("■ 20261121-120000-dddd  a-very-long-name-of")
    assert lines[4] == "    waits for approval: eu17/register-cluster: May eu17 take users?"
    assert lines[5].endswith("done         2h ago  10m09s")
    assert max(map(len, lines)) <= 80


def test_json_has_all_of_it(folder: Path, runs: Runs) -> None:
    keep(folder, streams.asking("waiting"), Status.WAITING, created=time.time() - 200.0)
    wait(folder, streams.RUN)
    (told,) = json.loads(runs("list", "--json").stdout)
    assert {key: told[key] for key in ("run", "fleet", "clusterId", "kind", "of", "status", "finished")} == {
        "run": streams.RUN,
        "fleet": "demo-staging",
        "clusterId": 17,
        "kind": "run",
        "of": None,
        "status": "waiting",
        "finished": None,
    }
    assert told["waits"][0]["text"] == "May eu17 take users?"
    assert told["begun"].endswith("Z")


def test_fleet_status_and_limit_choose(folder: Path, runs: Runs) -> None:
    for number in range(25):
        status = Status.FAILED if number % 5 == 0 else Status.DONE
        keep(
            folder, None, status, id=f"run-{number:02}", created=1000.0 + number, fleet=f"fleet-{number % 2}", until=0.0
        )

    def names(*options: str) -> list[str]:
        return [each["run"] for each in json.loads(runs("list", "--json", *options).stdout)]

    assert names() == [f"run-{number:02}" for number in range(24, 4, -1)]
    assert names("--limit", "2") == ["run-24", "run-23"]
    assert names("--status", "failed") == ["run-20", "run-15", "run-10", "run-05", "run-00"]
    assert names("--fleet", "fleet-1", "--status", "failed", "--limit", "1") == ["run-15"]
    assert "no such run" in runs("list", "--fleet", "other").stderr
    with pytest.raises(UsageError, match="no run stands so"):
        runs("list", "--status", "finished")


def test_a_run_is_running_while_its_process_lives_and_interrupted_as_soon_as_it_is_killed(
    folder: Path, runs: Runs
) -> None:
    keep(folder, None, Status.RUNNING, until=60.0)
    holder = held(folder, streams.RUN)
    try:
        (told,) = json.loads(runs("list", "--json").stdout)
        assert (told["status"], told["attended"]) == ("running", True)
        shown = runs("show", "latest").stdout
        assert "Yes. A process carries it out" in shown
        assert f"process {holder.pid}, since" in shown
        assert f"ws-deployment runs watch {streams.RUN}" in shown
    finally:
        holder.kill()
        holder.wait()
    (told,) = json.loads(runs("list", "--json").stdout)  # its lease has not ended yet
    assert (told["status"], told["attended"]) == ("interrupted", False)


def test_list_does_not_import_the_durable_library(folder: Path) -> None:
    keep(folder)
    script = (
        "import sys; from typer.testing import CliRunner; from ws_deployment.cli.runs import app;"
        "assert CliRunner().invoke(app, ['list']).exit_code == 0; print('dbos' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"


# -- show ----------------------------------------------------------------------------------------------------------


def test_a_run_that_turned_back_shows_where_starts_go_and_what_condemned_it(folder: Path, runs: Runs) -> None:
    keep(folder, gated.turned_back(), Status.TURNED_BACK, finished=gated.moment(800.0))
    flat = " ".join(runs("show", "latest").stdout.split())
    assert "eu16 33.3 %, eun16 33.3 %, euw16 33.3 %" in flat
    assert (
        "Yes, for users. Turned back: eu17, eun17, euw17. The weights at prod-meta-eu00 are as before the run" in flat
    )
    assert "gate start-failures of eun17 at 50 %" in flat
    assert "✗ start-failures of eun17 failed at 50 % since" in flat
    told = json.loads(runs("show", "latest", "--json").stdout)
    assert len(told["gates"]) == 12
    assert [back["clusters"] for back in told["turnedBack"]] == [["eu17", "eun17", "euw17"]]
    assert told["traffic"]["prod-meta-eu00"]["measured"] is None


def test_gates_under_way_are_shown_with_what_is_wanted_and_measured(folder: Path, runs: Runs) -> None:
    keep(folder, gated.under_way(), Status.RUNNING)
    flat = " ".join(runs("show", "latest").stdout.split())
    assert "eu17 8.3 % (measured " in flat
    assert "! failed-stops of euw17 (dry run) error at 25 % since" in flat
    told = json.loads(runs("show", "latest", "--json").stdout)["traffic"]["prod-meta-eu00"]
    assert told["wanted"]["eu17"] == 8.3
    assert set(told["measured"]) == set(told["shares"])


def test_an_interrupted_ramp_opens_with_the_split_and_is_not_to_be_left(folder: Path, runs: Runs) -> None:
    keep(folder, None, Status.RUNNING, until=60.0)
    shown = runs("show", streams.RUN[:12]).stdout
    head, _, rest = shown.partition("Who is at it")
    assert "Where starts go now" in head
    assert "eu17 10 %, eu16 90 %" in head
    assert "Not for long. No process is at it, in the middle of moving traffic at\n  prod-meta-eu00" in head
    assert f"ws-deployment runs resume {streams.RUN}\n" in head
    assert f"ws-deployment runs rollback {streams.RUN}\n" in head
    assert "nobody" in rest
    assert "✓ create-cluster      done 2.1s, create gp-stag-ws-eu17 (local) by Terraform" in rest
    assert "■ traffic-shift" in rest


def test_a_failed_run_shows_why_and_what_to_do(folder: Path, runs: Runs) -> None:
    keep(folder, streams.mixed(), Status.FAILED)
    shown = runs("show", "latest").stdout
    assert "prod-meta-us01  as before: this run has moved nothing" in shown
    assert f"ws-deployment runs retry {streams.RUN}\n" in shown
    assert "✓ install-jaeger      done 9.0s, 3 attempts" in shown
    assert "✗ alive-test          failed 30s, checking that us17 lives" in shown
    assert "→ Look at the Pod's events" in shown
    assert max(map(len, shown.splitlines())) <= 80 + len("runs report -o .html")  # a command stays whole


def test_a_run_that_waits_names_the_question_and_how_to_answer_even_when_nobody_is_at_it(
    folder: Path, runs: Runs
) -> None:
    keep(folder, streams.asking(), Status.RUNNING)
    wait(folder, streams.RUN)
    told = json.loads(runs("show", "latest", "--json").stdout)
    commands = [step["command"].split()[2] for step in told["nextSteps"]]
    assert commands == ["approve", "resume", "rollback", "report"]
    assert told["waits"][0]["task"] == "eu17/register-cluster"
    assert told["holder"] is None
    assert "waits for approval: eu17/register-cluster: May eu17 take users?, since" in runs("show", "latest").stdout


def test_what_people_said_a_later_run_and_a_rollback_are_shown(folder: Path, runs: Runs) -> None:
    keep(folder, streams.approved())
    keep(folder, None, Status.INTERRUPTED, id="rb-1", kind="rollback", of=streams.RUN, created=time.time(), until=5.0)
    store = Store(State(folder))
    store.say(streams.RUN, Word("approve", "eu17/register-cluster/ask", "bob@desk", "looks good", time.time() - 7300))
    store.say(streams.RUN, Word("mark-done", "eu17/alive-test", "eve@desk", "by hand", time.time() - 3700))
    store.close()
    shown = runs("show", streams.RUN).stdout
    assert "Where starts go, as this run left it" in shown
    assert "Run rb-1 began later and may have moved them since." in shown
    assert "Run rb-1 undoes it: interrupted." in shown
    assert "ws-deployment runs show rb-1" in shown
    assert "runs retry" not in shown
    assert "eu17/register-cluster/ask approved, bob@desk, 2h ago: looks good" in shown
    assert "eu17/alive-test done by hand, eve@desk, 1h ago: by hand" in shown


def test_a_detached_run_is_carried_out_by_any_worker_and_waits_for_one_otherwise(folder: Path, runs: Runs) -> None:
    keep(folder, None, Status.RUNNING, until=60.0, detached=True)
    assert json.loads(runs("show", "latest", "--json").stdout)["status"] == "queued"
    store = Store(State(folder))
    worker = leases.Leases(store.engine, "w1")
    worker.acquire("", ["worker/w1"])
    told = json.loads(runs("show", "latest", "--json").stdout)
    assert (told["status"], told["holder"]["pid"]) == ("running", os.getpid())
    worker.close()
    store.close()


def test_what_is_not_there_is_told(folder: Path, runs: Runs) -> None:
    for command in (("show", "x"), ("events", "x"), ("report", "x", "-o", "x.html")):
        with pytest.raises(UsageError, match="no run has written to it"):
            runs(*command)
    keep(folder, until=0.0)
    with pytest.raises(UsageError, match="there is none"):
        runs("show", "nope")


# -- events --------------------------------------------------------------------------------------------------------


def test_events_are_told_as_the_plain_output_tells_them_or_as_the_documented_lines(folder: Path, runs: Runs) -> None:
    keep(folder, streams.approved())
    shown = runs("events", "latest").stdout
    assert "of demo-staging: id 17, 1 cluster, 7 tasks" in shown
    assert "APPROVAL IS WAITED FOR: May eu17 take users?" in shown
    assert "approved by bob@desk: looks good" in shown
    lines = [json.loads(line) for line in runs("events", "latest", "--json").stdout.splitlines()]
    assert lines == [event.as_json() for event in streams.approved().events()]


def test_follow_tells_what_happens_on_until_the_run_ends(folder: Path) -> None:
    keep(folder, None, Status.RUNNING, until=5.0)
    holder = held(folder, streams.RUN)
    watcher = follow(folder)
    assert watcher.stdout
    assert holder.stdin
    assert json.loads(watcher.stdout.readline())["kind"] == "run.started"
    store = Store(State(folder))
    rest = [event for event in streams.good().events() if event.at > streams.BEGIN + 5.0]
    store.add_events(streams.RUN, rest[:3])
    while json.loads(watcher.stdout.readline())["seq"] != rest[2].seq:
        pass
    store.finish(streams.RUN, Status.DONE)
    store.add_events(streams.RUN, rest[3:])  # the last ones are written after it has ended, before it is let go
    store.close()
    holder.communicate("", timeout=120)
    out, err = watcher.communicate(timeout=120)
    assert json.loads(out.splitlines()[-1])["kind"] == "run.finished"
    assert (watcher.returncode, err) == (0, "")


def test_follow_ends_when_the_process_of_the_run_is_killed_and_says_so(folder: Path) -> None:
    keep(folder, None, Status.RUNNING, until=5.0)
    holder = held(folder, streams.RUN)
    watcher = follow(folder)
    assert watcher.stdout
    watcher.stdout.readline()
    holder.kill()
    holder.wait()
    _, err = watcher.communicate(timeout=120)
    assert watcher.returncode == 1
    assert f"run {streams.RUN} is interrupted: no process is at it" in err


def test_ctrl_c_ends_following_quietly(folder: Path) -> None:
    keep(folder, None, Status.RUNNING, until=5.0)
    holder = held(folder, streams.RUN)
    watcher = follow(folder)
    assert watcher.stdout
    watcher.stdout.readline()
    watcher.send_signal(signal.SIGINT)
    _, err = watcher.communicate(timeout=120)
    holder.communicate("", timeout=120)
    assert (watcher.returncode, err) == (130, "")


def follow(folder: Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "runs", "events", "latest", "--follow", "--json"]
    env = {**os.environ, "XDG_STATE_HOME": str(folder.parent)}
    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# -- prune ---------------------------------------------------------------------------------------------------------


def old_and_new(folder: Path) -> None:
    days = {"id": "old", "created": 1000.0, "finished": 1100.0, "until": 0.0}
    keep(folder, **days)
    keep(folder, **{**days, "id": "undone"})
    keep(folder, None, Status.RUNNING, id="undoing", kind="rollback", of="undone", created=1200.0, until=0.0)
    keep(folder, None, Status.RUNNING, id="open", created=1000.0, until=0.0)
    keep(folder, id="new", created=time.time() - 60, finished=time.time(), until=0.0)
    for name in ("old", "new"):
        output = folder / "runs" / name / "output"
        output.mkdir(parents=True)
        (output / "a.log").write_text("x")


def test_prune_forgets_what_ended_long_ago_and_nothing_that_is_needed(folder: Path, runs: Runs) -> None:
    old_and_new(folder)
    told = json.loads(runs("prune", "--older-than", "90d", "--dry-run", "--json").stdout)
    assert told == {"forgotten": [], "wouldForget": ["old"]}
    assert len(json.loads(runs("list", "--json").stdout)) == 5
    told = json.loads(program("runs", "prune", "--older-than", "90d", "--yes", "--json").out)
    assert told == {"forgotten": ["old"], "wouldForget": []}
    left = {each["run"] for each in json.loads(runs("list", "--json").stdout)}
    assert left == {"undone", "undoing", "open", "new"}
    assert [path.name for path in (folder / "runs").iterdir()] == ["new"]


def test_prune_leaves_a_run_that_somebody_goes_on_with(folder: Path) -> None:
    old_and_new(folder)
    holder = held(folder, "old")
    assert "forgot 0 runs" in program("runs", "prune", "--older-than", "1h", "--yes").err
    holder.communicate("", timeout=120)
    assert program("runs", "prune", "--older-than", "1h").out == "old\n"  # without a terminal nothing is asked


def test_prune_forgets_the_journal_too(folder: Path) -> None:
    fleet = config({"eu": "meta"})
    carry_out(fleet, folder, configured(fleet, first=Scripted(Script())))
    state = State(folder)

    def journaled() -> dict[str, Any]:
        with session_of(state):
            return dict(journal.kept("run-1", 1))

    assert journaled()
    store = Store(state)
    store.update("run-1", finished=1000.0)
    store.close()
    assert program("runs", "prune", "--older-than", "30d", "--yes").out == "run-1\n"
    assert not journaled()
    assert program("runs", "prune", "--older-than", "30d", "--yes").out == ""


def test_prune_wants_a_duration_and_no_state_is_nothing_to_forget(folder: Path, runs: Runs) -> None:
    with pytest.raises(UsageError, match="no duration"):
        runs("prune", "--older-than", "yesterday")
    assert "forgot 0 runs" in runs("prune", "--older-than", "1d").stderr
    assert not folder.exists()


def test_a_finished_run_that_came_back_is_kept(folder: Path) -> None:
    run = keep(folder, until=0.0, created=1000.0, finished=1100.0)
    store = Store(State(folder))
    assert [each.id for each in store.ended_before(2000.0)] == [run.id]
    store.retry(run.id, 2, {})
    assert store.ended_before(2000.0) == []
    assert replace(store.find(run.id), status=Status.RUNNING).attempt == 2
    store.close()


def test_what_the_engine_left_is_shown_as_what_it_is(folder: Path, runs: Runs) -> None:
    fleet = config({"eu": "meta"})
    steps = configured(fleet, ask=Asking(Script()), first=Scripted(Script()))
    with pytest.raises(WaitingRunError):
        carry_out(fleet, folder, steps, exit_on_wait=True)
    told = json.loads(runs("show", "latest", "--json").stdout)
    assert told["status"] == "waiting"
    assert told["nextSteps"][0]["command"] == "ws-deployment runs approve run-1"
    assert {task["task"]: task["status"] for task in told["tasks"]} == {"eu1/ask": "waiting", "eu1/first": "waiting"}
    assert "waits for approval" in runs("list").stdout
    assert "APPROVAL IS WAITED FOR" in runs("events", "latest").stdout
    file = folder / "report.html"
    assert runs("report", "latest", "-o", str(file)).stdout == f"{file}\n"
    assert "It waits for a person" in file.read_text()
