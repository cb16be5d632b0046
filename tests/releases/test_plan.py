from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ws_deployment.errors import UsageError
from ws_deployment.releases import plan_file
from ws_deployment.releases.paths import ABSENT, path_of
from ws_deployment.releases.plan import Action, FieldChange, Kept, KeptField, ObjectPlan, Problem, Rule, UpgradePlan

CHANGE = FieldChange(
    path_of("spec.machineTemplate.taints[key=a].effect"),
    before=ABSENT,
    after=None,
    rule=Rule.EMPTY,
    reason="new in 20.1",
    entry="mutable-fields.yaml:3:5 spec.machineTemplate.*",
    changed_by_hand=True,
    disruptive=True,
    held_by=("kubectl",),
)
KEPT = KeptField(path_of("spec.replicas"), 3, ABSENT, Kept.ASK, "somebody has to know", "x", changed_by_hand=True)
OBJECT = ObjectPlan(
    "controlplane.cluster.x-k8s.io/v1beta2",
    "KubeadmControlPlane",
    "clusters",
    "alpha",
    Action.CHANGE,
    "12",
    "uid",
    (CHANGE,),
    (KEPT,),
    live={"spec": {"replicas": 3}},
    result={"spec": {"replicas": 3}},
)
NEW = replace(OBJECT, name="new", action=Action.CREATE, live=None, rule=Rule.STRUCTURE, replaces="alpha")
PLAN = UpgradePlan(
    "alpha", "clusters", "20.0.0", "20.1.0", (OBJECT, NEW), (Problem("alpha", "it is paused", "Wait."),), ("a",), "m"
)


def test_a_plan_survives_json() -> None:
    assert UpgradePlan.from_json(json.loads(json.dumps(PLAN.as_json()))) == PLAN


@pytest.mark.parametrize(
    "same",
    [
        {"objects": (replace(OBJECT, resource_version="13", uid="other", live={"spec": {}}), NEW)},
        {"notes": ("b",)},
        {"management": "n"},
    ],
)
def test_the_fingerprint_is_of_what_would_be_done(same: dict[str, Any]) -> None:
    assert replace(PLAN, **same).fingerprint == PLAN.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"cluster": "beta"},
        {"to_version": "20.2.0"},
        {"problems": ()},
        {"objects": (replace(OBJECT, changes=(replace(CHANGE, after="x"),)), NEW)},
        {"objects": (replace(OBJECT, changes=(replace(CHANGE, before=None),)), NEW)},
        {"objects": (replace(OBJECT, kept=()), NEW)},
        {"objects": (OBJECT, replace(NEW, result={}))},
        {"objects": (OBJECT,)},
    ],
)
def test_the_fingerprint_of_what_would_be_done_otherwise_is_another(other: dict[str, Any]) -> None:
    assert replace(PLAN, **other).fingerprint != PLAN.fingerprint


def test_what_it_says_of_itself() -> None:
    assert PLAN.disruptive
    assert not PLAN.irreversible
    assert not PLAN.empty
    assert [kept for _, kept in PLAN.questions] == [KEPT, KEPT]
    assert OBJECT.title == "KubeadmControlPlane clusters/alpha"
    server = replace(CHANGE, rule=Rule.SERVER)
    assert replace(OBJECT, changes=(CHANGE, server)).written == (CHANGE,)


def test_plans_are_kept_and_read(tmp_path: Path) -> None:
    file = tmp_path / "plans"
    others = [replace(PLAN, cluster=f"c{number}") for number in range(3)]
    seen = []
    for plan in plan_file.write(file, others):
        seen.append(plan)
        assert not file.exists()
    assert plan_file.read(file) == tuple(others) == tuple(seen)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_holds_no_plan_is_told(tmp_path: Path) -> None:
    file = tmp_path / "plans"
    with pytest.raises(UsageError, match="No such file"):
        plan_file.read(file)
    good = json.dumps(PLAN.as_json())
    edited = good.replace('"to": "20.1.0"', '"to": "20.2.0"')
    for text, why in (
        ("", "holds none"),
        ("{", "Expecting"),
        ("[]", "TypeError"),
        ("{}", "'v'"),
        (good.replace('"v": 1', '"v": 2'), "format 2"),
        (f"{good}\n{edited}", "plans:2: it was changed after it was made"),
        ("\xff", "utf-8|no JSON|Expecting"),
    ):
        file.write_text(text, encoding="latin-1")
        with pytest.raises(UsageError, match=why):
            plan_file.read(file)
    with pytest.raises(UsageError, match="Give --out another path"):
        list(plan_file.write(tmp_path / "no" / "where", [PLAN]))
