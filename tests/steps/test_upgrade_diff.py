from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness.program import program
from harness.upgrade_context import PLAN, UpgradeContext
from pydantic import ValidationError
from ws_deployment_steps import upgrade_diff
from ws_deployment_steps.upgrade_diff import UpgradeDiff, UpgradeDiffParameters

from ws_deployment.errors import StalePlanError
from ws_deployment.interfaces import Change, Decision
from ws_deployment.releases import planning
from ws_deployment.releases.paths import path_of
from ws_deployment.releases.plan import Kept, KeptField, Problem, UpgradePlan

EXAMPLE = Path(__file__).parents[2] / "configs" / "upgrade-waves.yaml"


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The plan that is made, and how it was asked for."""
    kept: list[Any] = [PLAN]

    def plan_upgrade(_: object, name: str, namespace: str, to: str, **more: Any) -> UpgradePlan:
        kept[1:] = [(name, namespace, to), more]
        made: UpgradePlan = kept[0]
        return made

    monkeypatch.setattr(planning, "plan_upgrade", plan_upgrade)
    monkeypatch.setattr(upgrade_diff, "management", lambda *_: None)
    return kept


def step(**given: Any) -> UpgradeDiff:
    return UpgradeDiff(UpgradeDiffParameters.model_validate({"to": "25.1.0", **given}))


def test_it_shows_the_diff_and_hands_the_plan_on(tmp_path: Path, planned: list[Any]) -> None:
    context = UpgradeContext(tmp_path, None)
    plan = step(management={"namespace": "org"}).plan(context)
    assert planned[1] == ("alpha", "org", "25.1.0")
    assert plan.change is Change.READ
    assert plan.summary == "org/alpha 25.0.0 → 25.1.0: 3 fields of 1 object to change"
    assert "~ spec.version: v1.29.4 → v1.30.2" in plan.diff
    assert plan.fingerprint == {"upgrade": PLAN.fingerprint}
    outputs = step().run(context, plan.subtasks[0])
    assert UpgradePlan.from_json(outputs["plan"]) == PLAN


def test_a_cluster_that_moved_after_the_diff_was_shown_is_refused(tmp_path: Path, planned: list[Any]) -> None:
    context = UpgradeContext(tmp_path, None)
    plan = step().plan(context)
    planned[0] = replace(PLAN, to_version="25.2.0")
    with pytest.raises(StalePlanError, match="has changed since the diff was shown"):
        step().run(context, plan.subtasks[0])


def test_what_stands_in_the_way_refuses_it(tmp_path: Path, planned: list[Any]) -> None:
    (check,) = step().pre_runs()
    context = UpgradeContext(tmp_path, None)
    assert check.check(context).decision is Decision.PROCEED
    planned[0] = replace(PLAN, problems=(Problem("Cluster alpha", "is paused", "Unpause it."), Problem("x", "bad")))
    verdict = check.check(context)
    assert (verdict.decision, verdict.remedy) == (Decision.REFUSE, "Unpause it.")
    assert "Cluster alpha: is paused" in verdict.reason
    assert "x: bad" in verdict.reason


def test_an_open_question_refuses_it_and_says_how_to_answer(tmp_path: Path, planned: list[Any]) -> None:
    asked = KeptField(path_of("spec.replicas"), 1, 3, Kept.ASK, "it costs")
    planned[0] = replace(PLAN, objects=(replace(PLAN.objects[0], kept=(asked,)),))
    (check,) = step().pre_runs()
    verdict = check.check(UpgradeContext(tmp_path, None))
    assert verdict.decision is Decision.REFUSE
    assert "spec.replicas: it costs" in verdict.reason
    assert "answers: {'Cluster:spec.replicas': keep}" in verdict.remedy

    step(answers={"Cluster:spec.replicas": "keep"}).plan(UpgradeContext(tmp_path, None))
    (answer,) = planned[2]["wishes"].answers
    assert (answer.kind, answer.pattern.text, answer.policy) == ("Cluster", "spec.replicas", "keep")


@pytest.mark.parametrize("answers", [{"spec..x": "keep"}, {"spec.x": "ask"}])
def test_an_answer_that_is_none_is_a_fault_of_the_config(answers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        step(answers=answers)


def test_the_cluster_is_named_by_a_placeholder(tmp_path: Path, planned: list[Any]) -> None:
    step(management={"cluster": "acme-${cluster.prefix}", "namespace": "org"}).plan(UpgradeContext(tmp_path, None))
    assert planned[1][0] == "acme-eu"


def test_the_shipped_config_is_valid() -> None:
    ended = program("validate", "-c", EXAMPLE)
    assert ended.code == 0, ended.out
    assert "5 steps" in ended.out
