"""What the gates of a shift count as its own: from the first write on, whatever happens between."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.prometheus import PrometheusDouble, prometheus, vector
from harness.cluster_context import a_cluster
from harness.memory_router import MemoryRouter
from harness.meta_context import MetaContext
from ws_deployment_steps import shift_judges
from ws_deployment_steps.traffic_shift import TrafficShift, TrafficShiftParameters

from ws_deployment.config.prometheus import Prometheus
from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import (
    IClusterType,
    ITrafficRouter,
    MetaCluster,
    Registration,
    StepContext,
    TurnBackError,
)

NEW = a_cluster("existing", governed_by=(Governance("meta"),))
BEFORE = (Registration("eu16", 50, available=True), Registration("eu17", 50, available=False))
CLUSTER = re.compile(r'cluster="(\w+)"')


class Counters:
    """Starts and failures by cluster; one that nobody started anything on has none."""

    def __init__(self) -> None:
        self.all = {"eu16": 1000}
        self.bad = {"eu16": 50}

    def add(self, name: str, starts: int, failed: int) -> None:
        self.all[name] = self.all.get(name, 0) + starts
        self.bad[name] = self.bad.get(name, 0) + failed

    def answer(self, query: str) -> tuple[int, Any]:
        found = CLUSTER.search(query)
        name = found[1] if found else ""
        return vector(*([({}, (self.bad if "failure" in query else self.all)[name])] if name in self.all else ()))


class Kind(IClusterType):
    summary = "knows the meta cluster's Prometheus"

    def __init__(self, url: str) -> None:
        self.url_of_prometheus = url

    def kubeconfig(self, context: StepContext) -> Path:
        raise AssertionError(context)

    def prometheus(self, meta: MetaCluster) -> Prometheus | None:
        del meta
        return Prometheus(url=self.url_of_prometheus)


class Context(MetaContext):
    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, None, clusters=(NEW,))
        self.router, self.kind = MemoryRouter(self, BEFORE), Kind(url)
        self.splits = []

    def traffic_router(self, via: str, options: Any, meta: MetaCluster) -> ITrafficRouter:
        del via, options, meta
        return self.router

    def cluster_type(self, name: str) -> IClusterType:
        del name
        return self.kind

    def traffic(self, shares: Any, *, wanted: Any = None, measured: Any = None) -> None:
        del shares, wanted, measured


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def metrics(counters: Counters) -> Iterator[PrometheusDouble]:
    with prometheus(counters.answer) as running:
        yield running


@pytest.fixture
def context(tmp_path: Path, metrics: PrometheusDouble, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(shift_judges, "pulses", lambda _context, _clusters: {})
    return Context(tmp_path, metrics.url)


def test_starts_between_the_first_write_and_a_late_watch_condemn(context: Context, counters: Counters) -> None:
    told = {"stages": [50, 100], "gates": ["start-failures"], "measure": "off", "clusterLabel": "{name}"}
    step = TrafficShift(TrafficShiftParameters.model_validate(told))
    plan = step.plan(context)
    names = [subtask.name for subtask in plan.subtasks]
    assert names[0] == "look"
    assert names.count("look") == 1
    handed_on: dict[str, Any] = {}
    for subtask in plan.subtasks[: names.index("50%/watch")]:
        handed_on |= step.run(context, subtask) or {}
    assert handed_on["old"] == ["eu16"]
    # Whoever carried it out is killed here, and it is gone on with in the morning.
    counters.add("eu16", 200, 10)
    counters.add("eu17", 200, 90)
    context.earlier = handed_on
    with pytest.raises(TurnBackError, match=r"gate start-failures of eu17: 90 of 200"):
        step.run(context, plan.subtasks[names.index("50%/watch")])


def test_it_looks_right_before_the_first_write_and_only_for_gates(context: Context) -> None:
    told = {"stages": [{"canary": {"permission": "x"}}, 50, 100], "warmup": {}, "measure": "told"}
    gates = {"gates": ["start-failures"]}
    for more, names in (
        (gates, ["50%/warmup", "look", "canary/eu17/limit"]),
        ({}, ["50%/warmup", "canary/eu17/limit"]),
    ):
        plan = TrafficShift(TrafficShiftParameters.model_validate(told | more)).plan(context)
        assert [subtask.name for subtask in plan.subtasks][: len(names)] == names
