from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness.upgrade_context import PLAN, UpgradeContext
from ws_deployment_steps import apply_upgrade
from ws_deployment_steps.apply_upgrade import ApplyUpgrade
from ws_deployment_steps.management_access import AfterDiff

from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.interfaces import Change, Decision, NotYetError, Undo
from ws_deployment.releases import applying, taking_back
from ws_deployment.releases.applying import Applied
from ws_deployment.releases.plan import Action, UpgradePlan
from ws_deployment.releases.taking_back import Back, ObjectBack

TITLE = PLAN.objects[0].title
BACK = ObjectBack(PLAN.objects[0], Action.CHANGE, PLAN.objects[0].changes)


@pytest.fixture
def step() -> ApplyUpgrade:
    return ApplyUpgrade(AfterDiff())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What there is to be taken back, and what was done."""
    kept: dict[str, Any] = {"back": Back(), "applied": [], "taken": []}

    def what(_: object, plan: UpgradePlan, **asked: Any) -> Back:
        kept["asked"] = (plan, asked)
        found: Back = kept["back"]
        return found

    def apply(_: object, plan: UpgradePlan, progress: Any) -> Applied:
        progress("changed it")
        kept["applied"].append(plan)
        return Applied((TITLE,), ())

    monkeypatch.setattr(apply_upgrade, "management", lambda *_: None)
    monkeypatch.setattr(applying, "apply_plan", apply)
    monkeypatch.setattr(taking_back, "what_to_take_back", what)
    monkeypatch.setattr(taking_back, "take_back", lambda _, back, __: kept["taken"].append(back))
    return kept


def undo(step: ApplyUpgrade, context: UpgradeContext, **more: Any) -> Undo:
    return Undo(step.plan(context), ("apply",), **more)


def test_a_freeze_refuses_it(tmp_path: Path, step: ApplyUpgrade, monkeypatch: pytest.MonkeyPatch) -> None:
    context = UpgradeContext(tmp_path)
    (check,) = step.pre_runs()
    assert check.check(context).decision is Decision.PROCEED
    holds = {"org/alpha": "frozen until it is lifted: the sale"}
    monkeypatch.setattr(context, "frozen", lambda cluster: holds.get(cluster, ""))
    verdict = check.check(context)
    assert (verdict.decision, verdict.reason) == (Decision.REFUSE, "frozen until it is lifted: the sale")


def test_it_applies_the_plan_that_was_handed_on_and_keeps_it_for_the_way_back(
    tmp_path: Path, step: ApplyUpgrade, world: dict[str, Any]
) -> None:
    context = UpgradeContext(tmp_path)
    plan = step.plan(context)
    assert (plan.change, len(plan.subtasks)) == (Change.UPDATE, 1)
    assert "spec.version: v1.29.4 → v1.30.2" in plan.diff
    assert step.run(context, plan.subtasks[0]) == {"written": [TITLE], "asPlanned": [], "to": "25.1.0"}
    assert world["applied"] == [PLAN]
    assert context.said == ["changed it"]


def test_before_the_diff_it_is_known_later_in_a_dry_run_alone(tmp_path: Path, step: ApplyUpgrade) -> None:
    assert step.plan(UpgradeContext(tmp_path, None, dry_run=True)).change is Change.UNKNOWN
    with pytest.raises(NotYetError, match="Put a step `upgrade-diff` before it"):
        step.plan(UpgradeContext(tmp_path, None))


def test_an_empty_plan_has_nothing_to_do_and_nothing_to_undo(
    tmp_path: Path, step: ApplyUpgrade, world: dict[str, Any]
) -> None:
    context = UpgradeContext(tmp_path, replace(PLAN, objects=()))
    assert step.plan(context).change is Change.NONE
    assert step.plan_rollback(context, undo(step, context)).change is Change.NONE
    assert "asked" not in world


def test_what_flux_writes_is_refused_with_the_step_that_commits(tmp_path: Path, step: ApplyUpgrade) -> None:
    owned = replace(PLAN, objects=(replace(PLAN.objects[0], owner="Flux Kustomization f/clusters"),))
    (check,) = step.pre_runs()
    verdict = check.check(UpgradeContext(tmp_path, owned))
    assert verdict.decision is Decision.REFUSE
    assert "Flux Kustomization f/clusters" in verdict.reason
    assert "commit-upgrade" in verdict.remedy
    assert check.check(UpgradeContext(tmp_path)).decision is Decision.PROCEED


def test_the_way_back_is_shown_and_carried_out(tmp_path: Path, step: ApplyUpgrade, world: dict[str, Any]) -> None:
    context = UpgradeContext(tmp_path)
    done = undo(step, context, destroy=True)
    world["back"] = Back((BACK,), left=("ConfigMap org/new",))
    plan = step.plan_rollback(context, done)
    assert plan.summary == "org/alpha: 3 fields of 1 object to their former values; ConfigMap org/new stays"
    assert world["asked"] == (PLAN, {"remove": True, "overwrite": set()})
    step.rollback(context, plan.subtasks[0], done)
    assert world["taken"] == [world["back"]]
    with pytest.raises(WsDeploymentError, match=f"{TITLE}: not as before"):
        step.verify_rollback(context, done)
    world["back"] = Back()
    step.verify_rollback(context, done)
    assert step.plan_rollback(context, done).change is Change.NONE


@pytest.mark.parametrize(
    ("back", "part"),
    [
        (Back((BACK,), irreversible=("spec.version",)), "irreversible/alpha"),
        (Back((BACK,), moved={TITLE: ("spec.size is 7",)}), "upgraded/Cluster/alpha"),
    ],
)
def test_what_is_irreversible_or_has_moved_is_refused_by_name(
    tmp_path: Path, step: ApplyUpgrade, world: dict[str, Any], back: Back, part: str
) -> None:
    context = UpgradeContext(tmp_path)
    world["back"] = back
    with pytest.raises(RefusedError, match=r"spec\.") as caught:
        step.plan_rollback(context, undo(step, context))
    assert f"--force-parts {part}" in caught.value.remedy
    with pytest.raises(RefusedError):
        step.rollback(context, step.plan(context).subtasks[0], undo(step, context))
    assert not world["taken"]
    world["back"] = replace(back, moved={})  # what is overwritten by name is found as a change
    assert step.plan_rollback(context, undo(step, context, forced=frozenset({part}))).subtasks
    assert world["asked"][1]["overwrite"] == ({TITLE} if part.startswith("upgraded") else set())


def test_a_paused_cluster_is_refused_whatever_is_forced(
    tmp_path: Path, step: ApplyUpgrade, world: dict[str, Any]
) -> None:
    context = UpgradeContext(tmp_path)
    world["back"] = Back((BACK,), hindered="Cluster alpha is paused")
    with pytest.raises(RefusedError, match="is paused"):
        step.plan_rollback(context, undo(step, context, forced=frozenset({"irreversible/alpha"})))
