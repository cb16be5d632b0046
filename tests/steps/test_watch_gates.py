"""Gates that judge without a shift; that one which fails keeps a wave from beginning is tried with upgrades."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.prometheus import PrometheusDouble, prometheus, vector
from harness.cluster_context import a_cluster
from harness.retire_context import RetireContext, World
from pydantic import ValidationError
from ws_deployment_steps.watch_gates import WatchGates, WatchGatesParameters

from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import Change, Decision, TurnBackError

GATE = {"name": "errors", "query": 'errors{cluster="{{cluster}}"}', "failWhen": "> 5", "interval": 1}
ALPHA = a_cluster("memory", short_name="alpha", create=False, governed_by=(Governance("meta"),))


@pytest.fixture
def metrics() -> Iterator[PrometheusDouble]:
    with prometheus(lambda _query: vector(({}, 3.0))) as running:
        yield running


@pytest.fixture
def context(tmp_path: Path) -> RetireContext:
    made = RetireContext(tmp_path, World(), (ALPHA,))
    made.made(ALPHA.name)
    return made


def step(**more: Any) -> WatchGates:
    told = {"gates": [{**GATE, "limits": {"failed": 1}}], "time": "300ms", "clusterLabel": "{name}", **more}
    return WatchGates(WatchGatesParameters.model_validate(told))


@pytest.mark.parametrize(
    ("given", "why"), [({"gates": []}, "at least one"), ({"gates": ["start-failures"]}, "compares with old clusters")]
)
def test_what_can_not_judge_alone_is_a_fault_of_the_config(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        step(**given)


def test_it_says_who_judges_whom_and_waits_for_the_gates(context: RetireContext, metrics: PrometheusDouble) -> None:
    context.asks_prometheus(metrics.url)
    plan = step().plan(context)
    assert (plan.change, plan.summary) == (Change.READ, "have alpha judged by errors for 0.3s")
    assert plan.subtasks[0].watches
    outputs = step().run(context, plan.subtasks[0])
    assert outputs["approved"] == {}
    assert metrics.queries[0] == 'errors{cluster="alpha"}'
    assert not context.splits, "no traffic is told of"


@pytest.mark.parametrize(("more", "whole_run"), [({}, False), ({"turnBack": "run"}, True)])
def test_a_gate_that_fails_turns_back(
    context: RetireContext, metrics: PrometheusDouble, more: dict[str, Any], *, whole_run: bool
) -> None:
    context.asks_prometheus(metrics.url)
    metrics.answer = lambda _query: vector(({}, 9.0))
    with pytest.raises(TurnBackError, match="gate errors of alpha") as caught:
        step(**more).run(context, step().plan(context).subtasks[0])
    assert caught.value.whole_run is whole_run
    assert caught.value.parts == frozenset()


def test_without_prometheus_it_is_refused(context: RetireContext) -> None:
    (check,) = step().pre_runs()
    verdict = check.check(context)
    assert verdict.decision is Decision.REFUSE
    assert "prometheus: {url" in verdict.remedy
