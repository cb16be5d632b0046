"""A run of tasks that do nothing on one cluster, with all phases: milliseconds a task, of the last 200 (of 400)."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import launch
from ws_deployment.engine.deployment import Request
from ws_deployment.engine.events import Event, EventBus, Kind
from ws_deployment.engine.manner import Manner
from ws_deployment.engine.pipeline import ConfiguredStep
from ws_deployment.engine.state import State
from ws_deployment.interfaces import Change, IStep, Parameters, PreRun, StepContext, StepPlan, SubTask, Verdict

TASKS = 400
COUNTED = 200


class Nothing(IStep[Parameters]):
    summary = "does nothing"

    def pre_runs(self) -> Any:
        return (PreRun("nothing", lambda _context: Verdict.proceed()),)

    def plan(self, context: StepContext) -> StepPlan:
        return StepPlan(f"nothing on {context.cluster.name}", Change.NONE)

    def run(self, context: StepContext, subtask: SubTask) -> None:
        del context, subtask


config = ConfigV1.model_validate(
    {
        "version": "v1",
        "environment": "staging",
        "project": "bench",
        "metaClusters": [{"name": "meta", "region": "europe-west1", "type": "existing"}],
        "workspaceClusters": [{"prefix": "eu", "region": "europe-west1", "governedBy": "meta"}],
    }
)
steps = tuple(
    ConfiguredStep(
        f"nothing-{n}", "nothing", Nothing(Parameters()), config.defaults.retries, config.defaults.timeouts, ()
    )
    for n in range(TASKS)
)
events: list[Event] = []
bus = EventBus("bench")
bus.subscribe(events.append)
with tempfile.TemporaryDirectory() as folder:
    state = State.at(Path(folder), os.environ.get("BENCH_DATABASE", ""))
    request = Request(config, Path(folder) / "config.yaml", steps, state, cluster_id=1)
    launch.launch(request, Manner(bus))
finished = [event.at for event in events if event.kind is Kind.TASK_FINISHED]
print(json.dumps({"milliseconds": 1000 * (finished[-1] - finished[-1 - COUNTED]) / COUNTED}))
