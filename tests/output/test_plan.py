from __future__ import annotations

import json

import pytest
from engine.noop import config

from ws_deployment.engine.outcome import Checked, Intent, Problem, Status
from ws_deployment.engine.pipeline import Task
from ws_deployment.fleet.resolve import resolve
from ws_deployment.interfaces import Change, Scope, StepPlan
from ws_deployment.output.page import Page
from ws_deployment.output.plan import PlanReport

WHY = "the cluster does not exist yet, because create-cluster has not made it; this is judged again when its time comes"
MANIFEST = "\n---\n".join(
    f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels:\n    a: b\n  name: config-{number}\ndata: {{}}"
    for number in range(3)
)


def planned(target: str) -> list[tuple[Task, Intent]]:
    def pair(step: str, intent: Intent) -> tuple[Task, Intent]:
        return Task(f"{target}/{step}", step, Scope.CLUSTER, target, (target,), ()), intent

    content = Checked("chart and values", "proceed")
    later = (Checked("cluster", "deferred", WHY), Checked("served APIs", "deferred", WHY))
    return [
        pair("create-cluster", Intent(Status.RUNNING, (content,), StepPlan("create it", Change.CREATE, 'size = "3"'))),
        pair("install-gitpod", Intent(Status.RUNNING, later, StepPlan("install gitpod", Change.CREATE, MANIFEST))),
        pair("install-jaeger", Intent(Status.RUNNING, (), StepPlan("upgrade", Change.UPDATE, "-  a: 1\n+  a: 2"))),
        pair("alive-test", Intent(Status.SKIPPED, (), None, reason="so already")),
        pair(
            "register", Intent(Status.REFUSED, (), None, Problem("checking", target, "taken by another", "Choose 18."))
        ),
        pair("shift", Intent(Status.RUNNING, (), StepPlan("later", Change.UNKNOWN, unknown=("the weights",)))),
    ]


@pytest.fixture
def report() -> PlanReport:
    fleet = resolve(config({"eu": "meta-eu", "us": "meta-us"}), 17)
    return PlanReport(fleet, [*planned("eu17"), *planned("us17")], unasked=("create-cluster: no credentials",))


def test_each_step_says_what_it_would_do(report: PlanReport) -> None:
    shown = report.write(Page()).text()
    assert "eu17  gp-stag-ws-eu17-eu-west1\n  nowhere, europe-west1, governed by meta-eu\n" in shown
    assert '  + create-cluster  create it\n      ✓ checked: chart and values\n        size = "3"\n' in shown
    assert "  ~ install-jaeger  upgrade\n        -  a: 1\n        +  a: 2\n" in shown
    assert "  – alive-test      skipped: so already\n" in shown  # noqa: RUF001  the symbol
    assert "  ✗ register        refused: taken by another\n                    → Choose 18.\n" in shown
    assert "  ? shift           later\n      ? the weights\n" in shown
    assert "? not asked whether names are taken:  create-cluster: no credentials\n" in shown


def test_a_reason_that_many_share_is_told_once(report: PlanReport) -> None:
    shown = report.write(Page()).text()
    assert shown.count("? checked later: cluster, served APIs: see [1]") == 2
    assert shown.count("does not exist yet") == 1
    assert "[1] the cluster does not exist yet" in shown


def test_long_listings_of_new_objects_are_told_by_their_names(report: PlanReport) -> None:
    shown = report.write(Page()).text()
    assert "        ConfigMap config-0, ConfigMap config-1, ConfigMap config-2\n" in shown
    assert "Cut short: 2 long listings" in shown
    whole = PlanReport(report.fleet, report.planned, diff_lines=None).write(Page()).text()
    assert whole.count("kind: ConfigMap") == 6


def test_the_closing_line_counts(report: PlanReport) -> None:
    count = "Plan: + 4 to create, ~ 2 to update, ? 2 known later, – 2 skipped, ✗ 2 refused."  # noqa: RUF001  the symbol
    assert report.count(Page()) == count


def test_it_fits_80_columns(report: PlanReport) -> None:
    assert max(map(len, report.write(Page()).text().splitlines())) <= 80


def test_as_json_has_everything(report: PlanReport) -> None:
    data = json.loads(json.dumps(report.as_json()))
    assert data["changes"] == {"create": 4, "update": 2, "known later": 2}
    assert data["refused"] == ["eu17/register", "us17/register"]
    assert data["tasks"][1]["plan"]["diff"] == MANIFEST
    assert Intent.from_json(data["tasks"][4]).problem == Problem("checking", "eu17", "taken by another", "Choose 18.")
