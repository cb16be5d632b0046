"""How gates and turning back are folded and told: lines, live view, summary, webhooks, JSON."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness import event_streams as streams
from harness import gated_streams as gated
from output.test_json_lines import strict, written

from ws_deployment.engine.events import Kind
from ws_deployment.engine.outcome import Status
from ws_deployment.output.advice import safety
from ws_deployment.output.github import GitHubOutput
from ws_deployment.output.gitlab import GitLabOutput
from ws_deployment.output.glyphs import Glyphs
from ws_deployment.output.live_screen import Screen
from ws_deployment.output.model import RunView
from ws_deployment.output.notify import Message, message_for
from ws_deployment.output.page import Page
from ws_deployment.output.plain import PlainOutput
from ws_deployment.output.summary import Summary

STORIES: list[Callable[[], gated.Shift]] = [gated.turned_back, gated.turned_back_alone, gated.under_way, gated.asking]


def lines(story: streams.Story) -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    streams.play(PlainOutput(stream), story, every=1.0)
    stream.seek(0)
    return stream.read().splitlines()


def messages(story: streams.Story) -> list[Message]:
    run, found = RunView(), []
    for event in story.events():
        run.take(event)
        if message := message_for(event, run):
            found.append(message)
    return found


def screen(story: streams.Story, at: float, width: int, height: int, *, unicode: bool = True) -> str:
    drawn = Screen(streams.folded(story, at), gated.moment(at), width, height, Glyphs(unicode)).lines()
    return "\n".join(line.plain.rstrip() for line in drawn)


@pytest.mark.parametrize("make", STORIES)
def test_all_of_it_is_as_documented(make: Callable[[], gated.Shift]) -> None:
    docs = Path(__file__).parent.parent.parent / "docs"
    schema: Any = strict(json.loads((docs / "events.schema.json").read_text()))
    validator = jsonschema.Draft202012Validator(schema)
    # One line of each shape: a schema that tells all kinds apart is slow, and looks of a gate are many.
    shapes = {
        (line["kind"], *((key, type(value)) for key, value in line["data"].items())): line
        for line in written(make().events())
    }
    assert len(shapes) > 10
    for line in shapes.values():
        validator.validate(line)


# -- the model -----------------------------------------------------------------------------------------------------


def test_the_last_verdict_of_each_gate_and_the_last_split_are_kept() -> None:
    run = streams.folded(gated.turned_back(), 700.0)
    assert len(run.gates) == 12
    gate = run.gates[gated.KEY, "start-failures", gated.SICK]
    assert (gate.verdict, gate.stage, gate.baseline) == ("inconclusive", 50.0, 0.02)
    assert gated.moment(600) < gate.since < gate.at <= gated.moment(700)
    assert run.wanted[gated.META] == run.traffic[gated.META]
    assert sum(run.measured[gated.META].values()) == pytest.approx(100.0, abs=0.5)


def test_a_new_split_has_not_been_measured_yet() -> None:
    told = gated.under_way()
    split = {"eu17": 50.0, "eu16": 50.0}
    told.say(690.0, Kind.TRAFFIC, gated.KEY, shares=split, wanted=split, measured=None)
    run = streams.folded(told)
    assert run.traffic[gated.META] == split
    assert gated.META not in run.measured


def test_what_turned_back_has_the_verdicts_that_condemned_it_and_whether_it_is_done() -> None:
    story = gated.turned_back()
    [back] = streams.folded(story).turned_back
    assert (back.clusters, back.alone, back.done) == (gated.NEW, False, True)
    assert [(gate.gate, gate.cluster, gate.value) for gate in back.gates] == [
        ("start-failures", gated.SICK, pytest.approx(0.209, abs=0.001))
    ]
    began = next(event.at for event in story.events() if event.kind is Kind.TASK_TURNING_BACK)
    run = streams.folded(story, began - streams.BEGIN + 0.01)
    [back] = run.turned_back
    assert back.done is None
    assert run.tasks[gated.KEY].place is None


def test_one_cluster_turned_back_alone_leaves_the_task_on_its_way() -> None:
    story = gated.turned_back_alone()
    run = streams.folded(story, story.happened[-3][0] - 0.05)
    task = run.tasks[gated.KEY]
    assert task.status is Status.RUNNING
    assert task.place == 7
    [back] = run.turned_back
    assert (back.clusters, back.alone) == ((gated.SICK,), True)


def test_a_way_back_that_another_process_takes_up_is_one_and_the_same() -> None:
    story = gated.turned_back()
    at = story.happened[-1][0] - 0.05
    story.say(at, Kind.TASK_TURNING_BACK, gated.KEY, reason=gated.REASON, parts=[], wholeRun=False)
    [back] = streams.folded(story).turned_back
    assert back.told == 2
    assert len([message for message in messages(story) if message.occasion == "failure"]) == 1


def test_all_that_is_asked_at_once_is_kept_until_it_is_answered() -> None:
    story = gated.asking()
    task = streams.folded(story).tasks[gated.KEY]
    assert task.asks == "May it go on to 50 %?; Starts fall as they please. Go on all the same?"
    assert task.status is Status.RUNNING
    story.say(720.0, Kind.TASK_APPROVED, gated.KEY, name="question 1", who="ada", reason="", at=1.0)
    assert streams.folded(story).tasks[gated.KEY].asks == "Starts fall as they please. Go on all the same?"


def test_a_question_that_is_withdrawn_is_asked_nowhere_any_more() -> None:
    story = gated.asking()
    text = "Starts fall as they please. Go on all the same?"
    story.say(730.0, Kind.TASK_WITHDRAWN, gated.KEY, name="question 2", text=text)
    run = streams.folded(story)
    assert run.tasks[gated.KEY].asks == "May it go on to 50 %?"
    assert f"no approval is waited for any more: {text}" in "\n".join(lines(story))
    told = messages(story)[-1]
    assert (told.occasion, told.facts["withdrawn"], told.facts["question"]) == ("waiting", True, text)
    assert told.title.endswith("waits for approval no more")


# -- the story -----------------------------------------------------------------------------------------------------


def test_a_verdict_is_told_when_it_changes_and_not_at_each_look() -> None:
    told = [line for line in lines(gated.turned_back()) if "gate startup-p95 of eu17" in line]
    assert len(told) == 1
    assert told[0].endswith("at 10 %: success: 17.3 is good")


def test_a_verdict_that_wavers_is_not_told_each_time() -> None:
    story = streams.Story({gated.META: ("eu17",)})
    story.start(1, gated.KEY)
    for second in range(100):
        verdict = ("success", "inconclusive")[second % 2]
        story.say(2 + second, Kind.GATE, gated.KEY, **gated.gate(second, "pending", "eu17", verdict, 20.0))
    told = [line for line in lines(story) if "gate pending" in line]
    assert 5 <= len(told) <= 10


def test_what_a_limit_leads_to_is_told_once() -> None:
    story = streams.Story({gated.META: ("eu17",)})
    story.start(1, gated.KEY)
    for second in range(30):
        action = "hold" if second > 5 else ""
        data = gated.gate(second, "pending", "eu17", "error", None, action=action)
        story.say(2 + second, Kind.GATE, gated.KEY, **data)
    told = [line.partition("traffic-shift")[2].strip() for line in lines(story) if "gate pending" in line]
    assert told == [
        "gate pending of eu17 at 50 %: error: Prometheus: no answer in 5 s",
        "gate pending of eu17 at 50 %: error: Prometheus: no answer in 5 s; it holds",
    ]


def test_a_split_is_told_as_written_then_as_measured_then_once_a_minute() -> None:
    told = [line for line in lines(gated.under_way()) if "traffic now" in line]
    assert "eu17 3.3 %, eun17 3.3 %" in told[0]
    assert re.search(r"eu17 3.3 % \(measured [\d.]+ %\), eun17 3.3 %", told[1])
    assert len(told) <= 14


def test_a_turning_back_is_one_clear_line_and_the_way_back_follows() -> None:
    shown = lines(gated.turned_back())
    [place] = [number for number, line in enumerate(shown) if "TURNING BACK" in line]
    assert f"TURNING BACK eu17, eun17, euw17: {gated.REASON}" in shown[place]
    assert "back: raise the old" in "".join(shown[place:])


@pytest.mark.parametrize("make", [GitLabOutput, lambda stream: GitHubOutput(stream, {})])
def test_folds_do_not_hide_that_it_turns_back(make: Callable[[io.StringIO], Any]) -> None:
    stream = io.StringIO()
    streams.play(make(stream), gated.turned_back())
    assert f"{gated.KEY}: TURNING BACK eu17, eun17, euw17" in stream.getvalue()


# -- the live view -------------------------------------------------------------------------------------------------


def test_80_columns_have_symbols_names_and_what_is_held_for() -> None:
    shown = screen(gated.turned_back(), 400.0, 80, 24)
    assert "traffic  4/8, ✓✓✓✓ ✓✓✓✓ ✓✓✓!, holding at 25 %: 5m00s left" in shown
    assert re.search(r"eu17 +✓ start-failures +✓ pending +✓ startup-p95 +✓ failed-stops", shown)
    assert re.search(r"euw17 8.3 % \([\d.]+ %\)", shown)


def test_more_room_has_values_and_less_has_symbols_in_ascii() -> None:
    wide = screen(gated.turned_back(), 700.0, 160, 40)
    assert re.search(r"eun17 +\? start-failures 0.0\d+ +\? pending \d+ +✓ startup-p95 [\d.]+", wide)
    assert re.search(r"eu17 16.7 % \(measured [\d.]+ %\)", wide)
    low = screen(gated.turned_back(), 700.0, 80, 14, unicode=False)
    assert "++++ ??++ ++++, watch at 50 %" in low
    assert "startup-p95" not in low
    assert low.isascii()


@pytest.mark.parametrize("width", [30, 57, 80, 200])
@pytest.mark.parametrize("height", [7, 12, 24, 50])
def test_gates_never_make_a_screen_larger_than_its_terminal(width: int, height: int) -> None:
    for at in (30.0, 400.0, 700.0, 800.0):
        drawn = Screen(streams.folded(gated.turned_back(), at), gated.moment(at), width, height).lines()
        assert len(drawn) <= height
        assert all(line.cell_len <= width for line in drawn)


# -- the end -------------------------------------------------------------------------------------------------------


def test_the_summary_has_the_numbers_the_weights_and_how_to_remove_the_cluster() -> None:
    shown = Summary(streams.folded(gated.turned_back())).write(Page()).text()
    assert "exit code 7: it turned bad, and what it had moved was taken back" in shown
    flat = " ".join(shown.split())
    assert "gate start-failures of eun17 at 50 %" in flat
    assert "value 0.209, baseline 0.02, 148 samples; bad when 3 times the old" in flat
    assert 'asked: sum(gitpod_ws_manager_mk2_workspace_start_failures{cluster="eun17"})' in flat
    assert "The weights at prod-meta-eu00 are back as they were before the run. Starts go to eu16 33.3 %" in flat
    assert "eun17 is kept, cordoned, for a look; to remove it: ws-deployment retire -c configs/local.yaml eun17" in flat
    assert "What went wrong" not in shown


def test_the_summary_of_one_that_was_turned_back_alone_says_who_went_on() -> None:
    run = streams.folded(gated.turned_back_alone())
    flat = " ".join(Summary(run).write(Page()).text().split())
    assert "The other clusters went on without eun17. eun17 is cordoned and kept for a look." in flat
    assert "retire -c configs/local.yaml eu17" not in flat
    assert safety(run, attended=False).startswith("Yes, for users. Turned back: eun17.")


def test_a_way_back_that_failed_is_never_told_as_done() -> None:
    story = gated.turned_back()
    status = {
        "status": "failed",
        "reason": f"going back: the door is shut; it was to be taken back because {gated.REASON}",
    }
    for _, kind, task, data in story.happened:
        if kind is Kind.TASK_FINISHED and task == gated.KEY:
            data.update(status)
        if kind is Kind.RUN_FINISHED:
            data["status"] = "failed"
    run = streams.folded(story)
    shown = Summary(run).write(Page()).text()
    assert "THE WAY BACK DID NOT COME TO ITS END" in shown
    assert "the door is shut" in shown
    assert "retire" not in shown
    assert safety(run, attended=False).startswith("Not for long.")


def test_a_webhook_hears_of_a_turning_back_as_it_begins_and_of_its_end() -> None:
    told = messages(gated.turned_back())
    assert [message.occasion for message in told] == ["start", "failure", "end"]
    failure, end = told[1:]
    assert failure.title.endswith("prod-meta-eu00/traffic-shift turns back eu17, eun17, euw17")
    assert "value 0.209, baseline 0.02, 148 samples" in failure.text
    assert failure.payload("json")["gates"][0]["query"].startswith("sum(")
    assert "The weights at prod-meta-eu00 are as before the run" in end.text
