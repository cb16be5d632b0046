"""Saved plans in the engine, with steps that do as they are told."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from engine.noop import Nowhere, Script, Scripted, config, configured, in_pipeline, name_of

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import launch, plugins, resumption, saved_plan
from ws_deployment.engine.deployment import Request
from ws_deployment.engine.events import EventBus
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.manner import Manner, Report
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.pipeline import ConfiguredStep
from ws_deployment.engine.saved_plan import SavedPlan
from ws_deployment.engine.state import State
from ws_deployment.errors import CancelledError, RefusedError, StalePlanError
from ws_deployment.interfaces import Outputs, StepContext, StepPlan, SubTask

RUN = "20261121-091533-7f3a"


class Keeping(Scripted):
    """Keeps a file with its plan, and carries out that file. `extra` is a sub-task that only the run comes to."""

    extra = ""

    def plan(self, context: StepContext) -> StepPlan:
        if context.saved and context.dry_run and not context.saved.exists():
            context.saved.mkdir(mode=0o700)
            (context.saved / "kept").write_text(f"for {name_of(context)}")
        more = (SubTask(self.extra),) if self.extra and not context.dry_run else ()
        return StepPlan(f"run on {name_of(context)}", subtasks=(SubTask("run"), *more))

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        kept = (context.saved / "kept").read_text() if context.saved else ""
        return {**super().run(context, subtask), "kept": kept}


class Surprising(Keeping):
    extra = "surprise"


class Slow(Keeping):
    """Does not return the first time, until it is asked to stop; `begun` tells that it has come to that."""

    def __init__(self, parameters: Script, begun: threading.Event) -> None:
        super().__init__(parameters)
        self._begun = begun

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        outputs = super().run(context, subtask)
        self._begun.set()
        if len(self.ran) == 1:
            while not context.cancelled.is_set():
                time.sleep(0.01)
            raise CancelledError("running", on=name_of(context), why="asked to stop")
        return outputs


class Refusing(Keeping):
    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        raise RefusedError("applying", on=name_of(context), why=f"{subtask.name} is stale")


@pytest.fixture(autouse=True)
def _names_need_no_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "cluster_type", lambda _name: Nowhere)


def request_of(folder: Path, steps: Sequence[ConfiguredStep], plan: SavedPlan | None = None) -> Request:
    return Request(fleet(), folder / "config.yaml", tuple(steps), State(folder / "state"), cluster_id=1, plan=plan)


def fleet() -> ConfigV1:
    return config({"eu": "meta"})


def plan_of(folder: Path, *steps: ConfiguredStep) -> SavedPlan:
    request, path = request_of(folder, steps), folder / "plan.json"
    staged = saved_plan.staging(path)
    deployment, planned = launch.dry_run(request, EventBus(RUN), RUN, staged)
    names = tuple(cluster.name for cluster in deployment.fleet.workspace_clusters)
    made = SavedPlan(RUN, "now", request.config, request.config_file, 1, (), (), deployment.fleet.name, names, planned)
    saved_plan.write(path, SavedPlan(**{**vars(made), "files": saved_plan.digests(staged)}), staged)
    return SavedPlan.read(path)


def apply(folder: Path, plan: SavedPlan, *steps: ConfiguredStep) -> Report:
    return launch.launch(request_of(folder, steps, plan), Manner(EventBus(plan.run)))


def test_a_plan_is_carried_out_with_the_files_that_it_kept(tmp_path: Path) -> None:
    steps = configured(fleet(), first=Keeping(Script()))
    report = apply(tmp_path, plan_of(tmp_path, *steps), *steps)
    assert report.status is Status.DONE
    assert report.outcomes["eu1/first"].outputs["kept"] == "for eu1"
    record = tmp_path / "state" / "runs" / RUN / "plan" / "eu1.first" / "kept"
    assert record.read_text() == "for eu1"


def test_a_plan_is_applied_once(tmp_path: Path) -> None:
    steps = configured(fleet(), first=Keeping(Script()))
    plan = plan_of(tmp_path, *steps)
    apply(tmp_path, plan, *steps)
    with pytest.raises(StalePlanError, match=f"applied already, by run {RUN}, which is done"):
        apply(tmp_path, plan, *steps)


def test_what_moved_before_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    first = Keeping(Script())
    plan = plan_of(tmp_path, *configured(fleet(), first=first, second=Keeping(Script())))
    with pytest.raises(StalePlanError, match="eu1/second: what is to be done: was run on eu1, is skipped"):
        apply(tmp_path, plan, *configured(fleet(), first=first, second=Keeping(Script(skips=("eu1",)))))
    with pytest.raises(StalePlanError, match="eu1/second: the task: was in the plan, is not made by this program"):
        apply(tmp_path, plan, *configured(fleet(), first=first))
    assert first.ran == []


def test_what_turns_out_to_be_more_when_its_time_comes_is_refused_then(tmp_path: Path) -> None:
    first, second = Keeping(Script()), Surprising(Script())
    steps = configured(fleet(), first=first, second=second)
    report = apply(tmp_path, plan_of(tmp_path, *steps), *steps)
    assert first.ran == ["eu1"]
    assert second.ran == []
    outcome = report.outcomes["eu1/second"]
    assert outcome.status is Status.REFUSED
    assert outcome.problem
    assert "sub-task surprise: was not there, is surprise" in outcome.problem.why


def test_a_resumed_run_goes_on_under_the_plan_with_files_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = threading.Event()
    steps = configured(fleet(), first=Slow(Script(), cancelled), second=Keeping(Script()), third=Surprising(Script()))
    in_pipeline(monkeypatch, steps)
    plan = plan_of(tmp_path, *steps)
    with pytest.raises(InterruptedRunError):
        launch.launch(request_of(tmp_path, steps, plan), Manner(EventBus(RUN), cancelled))
    with pytest.raises(StalePlanError, match=f"which is interrupted\nGo on with it: `ws-deployment runs resume {RUN}`"):
        apply(tmp_path, plan, *steps)
    shutil.rmtree(tmp_path / "plan.json.files")
    report = resumption.resume(State(tmp_path / "state"), RUN, Manner(EventBus(RUN)))
    assert [outcome.status for outcome in report.outcomes.values()] == [Status.DONE, Status.DONE, Status.REFUSED]
    assert report.outcomes["eu1/second"].outputs["kept"] == "for eu1"
    report = resumption.retry(State(tmp_path / "state"), RUN, Manner(EventBus(RUN)))
    assert report.status is Status.DONE, "a retry plans anew"


def test_a_refusal_of_the_run_itself_is_one(tmp_path: Path) -> None:
    steps = configured(fleet(), first=Refusing(Script()))
    report = apply(tmp_path, plan_of(tmp_path, *steps), *steps)
    assert report.outcomes["eu1/first"].status is Status.REFUSED


def test_the_runs_record_holds_the_plan(tmp_path: Path) -> None:
    from ws_deployment.engine.store import opened  # noqa: PLC0415  heavy

    steps = configured(fleet(), first=Keeping(Script()))
    plan = plan_of(tmp_path, *steps)
    apply(tmp_path, plan, *steps)
    with opened(State(tmp_path / "state")) as store:
        kept = SavedPlan.from_json(json.loads(json.dumps(store.record(RUN)["plan"])))
    assert kept.planned == plan.planned
