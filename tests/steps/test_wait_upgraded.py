from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from harness.upgrade_context import UpgradeContext
from harness.upgrade_plans import WANTED
from ws_deployment_steps import wait_upgraded
from ws_deployment_steps.wait_upgraded import WaitUpgraded, WaitUpgradedParameters

from ws_deployment.clients.kube_errors import TransientKubeError
from ws_deployment.errors import CancelledError, WsDeploymentError
from ws_deployment.interfaces import NotYetError, SubTask

THERE = {path.removeprefix("spec."): value for path, value in WANTED.items()}


def cluster(*, failed: bool = False, errs: bool = False, **spec: Any) -> dict[str, Any]:
    status: dict[str, Any] = {"phase": "Failed"} if failed else {}
    if errs:
        status["conditions"] = [{"type": "Ready", "status": "False", "severity": "Error", "message": "no quota"}]
    return {"kind": "Cluster", "metadata": {"name": "alpha"}, "spec": THERE | spec, "status": status}


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the API says, look by look; the last one stays."""
    said: list[Any] = []

    def objects(*_: object) -> list[Any]:
        here = said.pop(0) if len(said) > 1 else said[0]
        if isinstance(here, Exception):
            raise here
        return [here]

    monkeypatch.setattr(wait_upgraded, "management", lambda *_: None)
    monkeypatch.setattr(wait_upgraded, "objects", objects)
    return said


def step(limit: float = 30.0, patience: float = 60.0) -> WaitUpgraded:
    return WaitUpgraded(WaitUpgradedParameters(time=limit, patience=patience))


@pytest.fixture
def context(tmp_path: Path) -> UpgradeContext:
    return UpgradeContext(tmp_path)


def test_it_waits_until_the_cluster_is_there_and_tells_what_is_behind(
    states: list[Any], context: UpgradeContext
) -> None:
    away = TransientKubeError("asking", why="the API server is out of reach")
    states += [cluster(size=1), away, cluster(size=2), cluster()]
    assert step().run(context, SubTask("wait")) == {"release": "25.1.0"}
    assert context.said == [
        "Cluster org/alpha does not have the release's spec.size yet",
        "the API server is out of reach",
        "Cluster org/alpha does not have the release's spec.size yet",
    ]


def test_what_is_stuck_fails_by_its_limit_with_what_is_behind(states: list[Any], context: UpgradeContext) -> None:
    states.append(cluster(size=1))
    with pytest.raises(WsDeploymentError, match=r"it is stuck: not there after 0.3s: Cluster org/alpha .*spec.size"):
        step(0.3).run(context, SubTask("wait"))


def test_the_limit_counts_from_when_it_was_first_begun(states: list[Any], context: UpgradeContext) -> None:
    states.append(cluster(size=1))
    context.began = time.time() - 100
    started = time.monotonic()
    with pytest.raises(WsDeploymentError, match="it is stuck"):
        step(60).run(context, SubTask("wait"))
    assert time.monotonic() - started < 10


def test_what_has_failed_ends_it_at_once(states: list[Any], context: UpgradeContext) -> None:
    states += [cluster(size=1), cluster(failed=True)]
    with pytest.raises(WsDeploymentError, match="Cluster alpha has failed") as caught:
        step().run(context, SubTask("wait"))
    assert not caught.value.transient


def test_an_error_that_passes_is_waited_for(states: list[Any], context: UpgradeContext) -> None:
    states += [cluster(size=1, errs=True), cluster(errs=True), cluster()]
    assert step().run(context, SubTask("wait")) == {"release": "25.1.0"}
    assert "Cluster alpha has failed: Ready is False: no quota" in context.said


def test_an_error_that_stands_ends_it(states: list[Any], context: UpgradeContext) -> None:
    states += [cluster(size=1, errs=True), cluster(errs=True)]
    with pytest.raises(WsDeploymentError, match="no quota") as caught:
        step(patience=0.3).run(context, SubTask("wait"))
    assert "stuck" not in str(caught.value)


def test_it_stops_when_it_is_asked_to(states: list[Any], context: UpgradeContext) -> None:
    states.append(cluster(size=1))
    context.cancelled.set()  # type: ignore[attr-defined]  # an event
    with pytest.raises(CancelledError):
        step().run(context, SubTask("wait"))


def test_the_engine_sets_it_no_limit_of_its_own(context: UpgradeContext) -> None:
    plan = step(90).plan(context)
    assert plan.summary == "wait until alpha is of 25.1.0, at most 1m30s"
    assert plan.subtasks[0].watches


def test_without_a_plan_it_only_foretells(tmp_path: Path) -> None:
    (check,) = step().pre_runs()
    with pytest.raises(NotYetError, match="upgrade-diff has not run for it"):
        check.check(UpgradeContext(tmp_path, None))
    assert (
        step().plan(UpgradeContext(tmp_path, None, dry_run=True)).summary.startswith("wait until alpha is of the rel")
    )
    with pytest.raises(NotYetError):
        step().plan(UpgradeContext(tmp_path, None))
