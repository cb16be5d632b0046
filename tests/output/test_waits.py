"""How a wait for a person, a pause, and what was taken up again are told, in every output."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import event_streams as streams
from harness.http_server import receiver

from ws_deployment.engine.outcome import Status
from ws_deployment.output.advice import going_on, safety
from ws_deployment.output.github import GitHubOutput
from ws_deployment.output.gitlab import GitLabOutput
from ws_deployment.output.glyphs import Glyphs
from ws_deployment.output.live_screen import Screen
from ws_deployment.output.model import RunView
from ws_deployment.output.notify import NotifyOutput, Webhook
from ws_deployment.output.outputs import Output
from ws_deployment.output.page import Page
from ws_deployment.output.plain import PlainOutput
from ws_deployment.output.summary import Summary
from ws_deployment.output.textfile import TextfileOutput
from ws_deployment.output.werft import WerftOutput

APPROVE = f"ws-deployment runs approve {streams.RUN}"
RESUME = f"ws-deployment runs resume {streams.RUN}"
ROLLBACK = f"ws-deployment runs rollback {streams.RUN}"
MAKERS: list[Callable[[io.StringIO], Output]] = [
    PlainOutput,
    WerftOutput,
    GitLabOutput,
    lambda stream: GitHubOutput(stream, {}),
]


def screen(story: streams.Story, at: float, width: int = 80) -> str:
    lines = Screen(streams.folded(story, at), streams.BEGIN + at, width, 24, Glyphs()).lines()
    return "\n".join(line.plain.rstrip() for line in lines)


@pytest.mark.parametrize("make", MAKERS)
def test_a_question_is_told_at_once_with_task_question_and_command(make: Callable[[io.StringIO], Output]) -> None:
    stream, run = io.StringIO(), RunView()
    output = make(stream)
    for event in streams.asking().events():
        run.take(event)
        output.take(event, run)
    shown = stream.getvalue()
    assert "register-cluster" in shown
    assert "APPROVAL IS WAITED FOR: May eu17 take users?" in shown
    assert f"to say yes: {APPROVE}" in shown


@pytest.mark.parametrize("make", MAKERS)
def test_pause_resumption_and_approval_are_told(make: Callable[[io.StringIO], Output]) -> None:
    stream = io.StringIO()
    streams.play(make(stream), streams.approved())
    shown = stream.getvalue()
    assert f"run {streams.RUN} of demo-staging is taken up by ada on ci-7: 5 of 7 tasks done" in shown
    assert "PAUSED before its next effect" in shown
    assert RESUME in shown
    assert "goes on" in shown
    assert "approved by bob@desk: looks good" in shown


def test_github_and_werft_point_to_a_question() -> None:
    stream = io.StringIO()
    streams.play(GitHubOutput(stream, {}), streams.asking("waiting"))
    assert "::warning title=eu17/register-cluster waits for approval::APPROVAL IS WAITED FOR" in stream.getvalue()
    assert f"::warning title=demo-staging waiting::then, to go on: {RESUME}" in stream.getvalue()
    stream = io.StringIO()
    streams.play(WerftOutput(stream), streams.asking("waiting"))
    assert f"[approve|RESULT] {APPROVE} eu17/register-cluster: May eu17 take users?" in stream.getvalue()


def test_the_live_view_has_the_question_and_the_command_on_top() -> None:
    for width in (80, 160):
        lines = screen(streams.asking(), 20.0, width).splitlines()
        assert lines[2] == "‖ eu17/register-cluster waits for approval: May eu17 take users?"
        assert lines[3] == f"  to say yes, elsewhere: {APPROVE}"
        assert any("‖ asks" in line for line in lines)
    assert "waits for approval" not in screen(streams.approved(), 131.0)


def test_the_live_view_says_that_it_is_paused() -> None:
    assert f"  {RESUME}" in screen(streams.approved(), 115.0).splitlines()
    assert RESUME not in screen(streams.approved(), 121.0)


def test_several_questions_are_answered_by_name() -> None:
    story = streams.Story({"meta": ("eu17", "us17")})
    for name in ("eu17", "us17"):
        story.start(1.0, f"{name}/alive-test")
        story.say(2.0, streams.Kind.TASK_WAITING, f"{name}/alive-test", name="ask", text="May it?", until=None)
    run = streams.folded(story)
    assert list(going_on(run).values()) == [f"{APPROVE} --task eu17/alive-test", f"{APPROVE} --task us17/alive-test"]


@pytest.mark.parametrize(
    ("story", "commands"),
    [
        (streams.asking("waiting"), [APPROVE, RESUME, ROLLBACK]),
        (streams.asking("interrupted"), [RESUME, ROLLBACK]),
        (streams.interrupted(), [RESUME, ROLLBACK]),
        (streams.asking("cancelled"), [f"ws-deployment runs retry {streams.RUN}", ROLLBACK]),
        (streams.mixed(), [f"ws-deployment runs retry {streams.RUN}", ROLLBACK]),
        (streams.good(), []),
        (streams.refused(), []),
    ],
)
def test_the_summary_says_how_to_go_on(story: streams.Story, commands: list[str]) -> None:
    summary = Summary(streams.folded(story))
    shown = summary.write(Page()).text().splitlines()
    assert [line.strip() for line in shown if " runs " in line] == commands
    assert [step["command"] for step in summary.as_json()["nextSteps"]] == commands


def test_a_rollback_is_not_rolled_back() -> None:
    story = streams.interrupted()
    story.happened[0][3]["undoes"] = "20261120-080000-aaaa"
    run = streams.folded(story)
    assert list(going_on(run).values()) == [RESUME]
    assert "rollback 20261121-091533-7f3a of run 20261120-080000-aaaa" in Summary(run).write(Page(110)).text()


def test_a_waiting_run_shows_what_it_waits_for_and_not_that_it_was_interrupted() -> None:
    shown = Summary(streams.folded(streams.asking("waiting"))).write(Page()).text()
    assert "‖ eu17/register-cluster  waits for approval: May eu17 take users?" in shown
    assert "Interrupted" not in shown


def test_each_wait_is_told_once_and_names_the_command() -> None:
    with receiver() as server:
        everything = frozenset({"start", "waiting", "failure", "end"})
        streams.play(NotifyOutput(Webhook(server.url, "json", everything, "hook")), streams.approved())
    told = [json.loads(request.body) for request in server.requests]
    assert [each["occasion"] for each in told] == ["start", "waiting", "start", "waiting", "end"]
    assert told[1]["title"] == "demo-staging, id 17: eu17/register-cluster waits for approval"
    assert told[1]["approve"] == APPROVE
    assert told[2]["title"] == "demo-staging, id 17: rollout taken up again"
    assert told[3]["title"] == "demo-staging, id 17: prod-meta-eu00/traffic-shift waits"


def test_an_interrupted_run_tells_the_webhook_how_to_go_on() -> None:
    with receiver() as server:
        streams.play(NotifyOutput(Webhook(server.url, "json", frozenset({"end"}), "hook")), streams.interrupted())
    (told,) = [json.loads(request.body) for request in server.requests]
    assert told["status"] == "interrupted"
    assert RESUME in told["text"]


def test_the_textfile_knows_interrupted_and_waiting_and_a_rollback_is_no_success(tmp_path: Path) -> None:
    file = tmp_path / "ws.prom"
    streams.play(TextfileOutput(file), streams.asking("waiting"))
    assert 'ws_deployment_run_status{fleet="demo-staging",status="waiting"} 1.0' in file.read_text()
    story = streams.good()
    story.happened[0][3]["undoes"] = "20261120-080000-aaaa"
    streams.play(TextfileOutput(file), story)
    assert 'kind="rollback"' in file.read_text()
    assert "last_success" not in file.read_text()


def test_what_a_process_that_was_killed_had_under_way_is_taken_up_anew() -> None:
    story = streams.Story({"meta": ("eu17",)})
    story.begin(1.0, "eu17/create-cluster", "create it")
    story.retry(2.0, "eu17/create-cluster", 1, "no answer")
    story.say(60.0, streams.Kind.RUN_RESUMED, attempt=1, again=[], who="ada", host="ci-7")
    task = streams.folded(story).tasks["eu17/create-cluster"]
    assert task.status is Status.WAITING
    assert task.attempt == 1
    assert not task.plan


@pytest.mark.parametrize(
    ("story", "until", "status", "attended", "begins"),
    [
        (streams.good(), 700.0, Status.DONE, False, "Yes. It has come to its end."),
        (streams.good(), 60.0, Status.RUNNING, True, "Yes. A process carries it out"),
        (streams.good(), 60.0, Status.INTERRUPTED, False, "Not for long. No process is at it, in the middle of moving"),
        (streams.good(), 60.0, Status.PAUSED, True, "Yes, if that is meant: it is paused, in the middle of moving"),
        (streams.good(), 5.0, Status.INTERRUPTED, False, "Yes, for users: no traffic was moved."),
        (streams.good(), 609.1, Status.INTERRUPTED, False, "Yes, for users: all traffic that it was to move"),
        (streams.asking(), 40.0, Status.RUNNING, True, "It waits for a person. It goes on by itself"),
        (streams.asking("waiting"), 60.0, Status.WAITING, False, "It waits for a person. No process is at it"),
        (
            streams.asking("cancelled"),
            60.0,
            Status.CANCELLED,
            False,
            "Yes, for users: no traffic was moved. It is canc",
        ),
        (streams.mixed(), 60.0, Status.QUEUED, False, "Yes, while a worker runs"),
    ],
)
def test_it_says_whether_a_run_may_be_left(
    story: streams.Story, until: float, status: Status, attended: bool, begins: str
) -> None:
    run = streams.folded(story, until)
    if not attended:
        run.leave(status, streams.BEGIN + until)
    run.status = status
    assert safety(run, attended=attended).startswith(begins)
