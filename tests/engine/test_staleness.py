from __future__ import annotations

from dataclasses import replace

import pytest

from ws_deployment.cli.exit_codes import ExitCode, of
from ws_deployment.engine.outcome import Checked, Intent, Problem, Status
from ws_deployment.engine.staleness import differences, refusal, stale, stale_plan
from ws_deployment.interfaces import Change, StepPlan, SubTask

PLAN = StepPlan(
    "move traffic",
    Change.UPDATE,
    diff="50% and 100%",
    fingerprint={"weight of eu1": "50"},
    subtasks=(
        SubTask("50%", data={"score": 25}),
        SubTask("hold", hold=900.0),
        SubTask("ask", approval="Go on?"),
    ),
)


def intent(plan: StepPlan | None, status: Status = Status.RUNNING, **more: object) -> Intent:
    return Intent(status, plan=plan, **more)  # type: ignore[arg-type]  # what each test gives


def told(planned: Intent, now: Intent) -> list[str]:
    return [str(difference) for difference in differences("eu17/shift", planned, now)]


def test_equal_plans_do_not_differ_however_they_are_told() -> None:
    other = replace(PLAN, summary="move all traffic", diff="", removal="by hand", unknown=("the end",))
    checked = intent(other, checks=(Checked("alive", "proceed"),))
    assert told(intent(PLAN), checked) == []


@pytest.mark.parametrize(
    ("now", "difference"),
    [
        ({"change": Change.NONE}, "change: was update, is no change"),
        ({"fingerprint": {"weight of eu1": "40"}}, "weight of eu1: was 50, is 40"),
        ({"fingerprint": {}}, "weight of eu1: was 50, is not known"),
        ({"fingerprint": {"weight of eu1": "50", "weight of eu2": "1"}}, "weight of eu2: was not there, is 1"),
        (
            {"subtasks": (SubTask("50%", data={"score": 30}), *PLAN.subtasks[1:])},
            "sub-task 50%: was score=25, is score=30",
        ),
        ({"subtasks": PLAN.subtasks[:2]}, "sub-task ask: was the question 'Go on?', is not there"),
        ({"subtasks": (*PLAN.subtasks, SubTask("more"))}, "sub-task more: was not there, is more"),
        (
            {"subtasks": (PLAN.subtasks[0], SubTask("hold", hold=1), PLAN.subtasks[2])},
            "sub-task hold: was a wait of 900 s, is a wait of 1 s",
        ),
        (
            {"subtasks": PLAN.subtasks[::-1]},
            "order of the sub-tasks: was 50%, hold, ask, is ask, hold, 50%",
        ),
    ],
)
def test_each_thing_that_differs_is_told(now: dict[str, object], difference: str) -> None:
    changed = replace(PLAN, **now)  # type: ignore[arg-type]  # the fields of a plan
    assert told(intent(PLAN), intent(changed)) == [f"eu17/shift: {difference}"]


def test_another_end_of_the_checks_is_told() -> None:
    problem = Problem("checking", "eu17", "name: taken", "")
    refused = intent(None, Status.REFUSED, problem=problem)
    skipped = intent(None, Status.SKIPPED, reason="so already")
    what = "eu17/shift: what is to be done: was move traffic, is"
    assert told(intent(PLAN), refused) == [f"{what} refused: checking eu17: name: taken"]
    assert told(intent(PLAN), skipped) == [f"{what} skipped: so already"]
    assert told(skipped, intent(PLAN)) == ["eu17/shift: what is to be done: was skipped: so already, is move traffic"]
    assert told(skipped, intent(None, Status.SKIPPED, reason="so by now")) == []


def test_what_was_not_known_may_come_out_any_way_but_as_a_removal() -> None:
    later = StepPlan("known later", Change.UNKNOWN)
    assert told(intent(later), intent(PLAN)) == []
    removing = replace(PLAN, change=Change.DESTROY)
    assert told(intent(later), intent(removing)) == ["eu17/shift: change: was known later, is destroy"]
    assert told(intent(PLAN), intent(later))


def test_within_a_plan_only_what_is_said_to_be_unknown_is_open() -> None:
    partly = replace(PLAN, unknown=("the single writes",), subtasks=(), fingerprint={})
    assert told(intent(partly), intent(PLAN)) == []
    assert told(intent(partly), intent(replace(PLAN, change=Change.CREATE)))
    assert told(intent(replace(partly, subtasks=PLAN.subtasks[:1])), intent(PLAN))


def test_tasks_that_come_or_go_are_told() -> None:
    found = stale({"eu17/a": intent(PLAN), "eu17/b": intent(PLAN)}, {"eu17/b": intent(PLAN), "eu17/c": intent(PLAN)})
    assert [str(each) for each in found] == [
        "eu17/a: the task: was in the plan, is not made by this program",
        "eu17/c: the task: was not in the plan, is made by this program",
    ]


def test_the_refusal_lists_them_all_with_digests_cut() -> None:
    digest = "0123456789abcdef" * 4
    changed = replace(PLAN, change=Change.NONE, fingerprint={"weight of eu1": digest})
    found = differences("eu17/shift", intent(PLAN), intent(changed))
    error = stale_plan("fleet", found)
    assert of(error) is ExitCode.STALE_PLAN == 4
    assert "it is stale: 2 things differ" in error.why
    assert "is 0123456789ab…" in error.why
    ended = refusal("eu17", found)
    assert ended.status is Status.REFUSED
    assert ended.problem
    assert ended.problem.remedy == "Plan again, review the new plan, and apply that."
