"""What a ws-manager counts of the Pods that it is told of, by the names of both generations."""

from __future__ import annotations

from typing import Any

from prometheus_client import generate_latest

from ws_deployment.lab.ws_manager.generations import OlderNames
from ws_deployment.lab.ws_manager.metrics import WorkspaceMetrics

NEWER, OLDER = "gitpod_ws_manager_mk2_workspace", "gitpod_ws_manager_workspace"


def pod(name: str, phase: str, *, ready: bool = False, kind: str = "regular") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True"}] if ready else []
    return {
        "metadata": {"name": name, "labels": {"workspaceType": kind}},
        "spec": {"nodeName": "n"},
        "status": {"phase": phase, "conditions": conditions},
    }


def told(registry: Any) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_one_set_of_counts_under_either_generation() -> None:
    now = [100.0]
    metrics = WorkspaceMetrics(clock=lambda: now[0])
    for name in ("good", "bad", "late"):
        metrics.observe("ADDED", pod(name, "Pending"))
    metrics.observe("ADDED", pod("pre", "Pending", kind="prebuild"))
    now[0] += 3
    metrics.observe("MODIFIED", pod("good", "Running", ready=True))
    metrics.observe("MODIFIED", pod("late", "Running", ready=True))
    metrics.observe("MODIFIED", pod("bad", "Failed"))
    metrics.observe("MODIFIED", pod("late", "Failed"))
    metrics.observe("DELETED", pod("bad", "Failed"))
    metrics.observe("DELETED", pod("good", "Running", ready=True))
    metrics.observe("DELETED", pod("pre", "Pending", kind="prebuild"))
    newer, older = told(metrics.registry), told(OlderNames(metrics.registry))
    regular = 'class="default",type="Regular"'
    assert newer[f"{NEWER}_starts_total{{{regular}}}"] == 3
    assert newer[f'{NEWER}_starts_total{{class="default",type="Prebuild"}}'] == 1
    assert newer[f"{NEWER}_starts_failure_total{{{regular}}}"] == 1
    stops = {"start-failure": "Regular", "failed": "Regular", "regular-stop": "Regular", "aborted": "Prebuild"}
    for reason, kind in stops.items():
        assert newer[f'{NEWER}_stops_total{{class="default",reason="{reason}",type="{kind}"}}'] == 1
    assert newer[f"{NEWER}_startup_seconds_count{{{regular}}}"] == 2
    assert newer[f"{NEWER}_startup_seconds_sum{{{regular}}}"] == 6
    assert newer[f'{NEWER}_startup_seconds_bucket{{class="default",le="2.0",type="Regular"}}'] == 0
    assert newer[f'{NEWER}_startup_seconds_bucket{{class="default",le="4.0",type="Regular"}}'] == 2
    assert not any("cluster=" in name for name in newer)
    assert older[f'{OLDER}_starts_total{{type="REGULAR"}}'] == 3
    assert older[f'{OLDER}_starts_total{{type="PREBUILD"}}'] == 1
    # It has no counter of failed starts, and does not tell them from other failures.
    assert older[f'{OLDER}_stops_total{{reason="failed",type="REGULAR"}}'] == 2
    assert older[f'{OLDER}_stops_total{{reason="regular-stop",type="REGULAR"}}'] == 1
    assert older[f'{OLDER}_stops_total{{reason="regular-stop",type="PREBUILD"}}'] == 1
    assert older[f'{OLDER}_startup_seconds_bucket{{le="4.0",type="REGULAR"}}'] == 2
    assert older[f'{OLDER}_phase_total{{phase="PENDING"}}'] == 0
    for absent in ("mk2", "class=", "start-failure", "starts_failure", "aborted"):
        assert not any(absent in name for name in older)
    assert b"# TYPE gitpod_ws_manager_workspace_starts_total counter" in generate_latest(OlderNames(metrics.registry))
