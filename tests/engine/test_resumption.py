"""Going on with runs: taken up after an interruption, tried again, undone, held up by people."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from engine.noop import Asking, MetaScripted, Script, Scripted, carry_out, config, configured, in_pipeline, name_of

from ws_deployment.config.v1 import ConfigV1
from ws_deployment.engine import database, requests, resumption
from ws_deployment.engine.events import Event, EventBus
from ws_deployment.engine.interrupted import InterruptedRunError, WaitingRunError
from ws_deployment.engine.manner import Manner, Report
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.pipeline import ConfiguredStep
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store, opened
from ws_deployment.errors import CancelledError, RefusedError, UsageError, WsDeploymentError
from ws_deployment.interfaces import Outputs, StepContext, StepPlan, SubTask, Undo

Steps = tuple[ConfiguredStep, ...]
Pipeline = Callable[..., tuple[ConfigV1, Steps]]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Makes a config and its steps, and has a restored run find the same steps again."""

    def make(prefixes: dict[str, str], on_failure: str = "stop", **steps: Scripted) -> tuple[ConfigV1, Steps]:
        fleet = config(prefixes, onFailure=on_failure)
        made = configured(fleet, **steps)
        in_pipeline(monkeypatch, made)
        return fleet, made

    return make


def go_on(state: Path, what: Callable[..., Report], name: str = "run-1", **options: object) -> Report:
    bus = EventBus(str(options.pop("bus", name)))
    manner = Manner(bus, exit_on_wait=bool(options.pop("exit_on_wait", False)))
    return what(State(state), name, manner, **options)


class Until(threading.Event):
    """Is set when an event of `kind` (of `task`) is told for the `times`-th time: when a test stops a run."""

    def __init__(self, kind: str, task: str = "", times: int = 1, then: Callable[[], object] | None = None) -> None:
        super().__init__()
        self._wanted = (kind, task)
        self._left = times
        self._then = then or self.set

    def append(self, event: Event) -> None:
        """Take an event, as a list of events does."""
        kind, task = self._wanted
        if event.kind == kind and task in {"", event.task}:
            self._left -= 1
            if self._left == 0:
                threading.Thread(target=self._then).start()


def stopped_at_holds(fleet: ConfigV1, state: Path, steps: Steps, holds: int) -> Report:
    """Carry out a run and stop it when so many tasks hold."""
    until = Until("task.waiting", times=holds)
    return carry_out(fleet, state, steps, until, until)


def status(state: Path, name: str = "run-1") -> Status:
    with opened(State(state)) as store:
        return store.find(name).status


def events(state: Path, kind: str) -> list[dict[str, object]]:
    with opened(State(state)) as store:
        return [event for event in store.events("run-1") if event["kind"] == kind]


def test_a_resumed_run_does_again_only_what_was_under_way(tmp_path: Path, pipeline: Pipeline) -> None:
    first, second = Scripted(Script()), Scripted(Script(hold=60))
    fleet, steps = pipeline({"eu": "meta", "us": "meta"}, first=first, second=second)
    with pytest.raises(InterruptedRunError):
        stopped_at_holds(fleet, tmp_path, steps, 2)
    assert status(tmp_path) is Status.INTERRUPTED
    assert sorted(first.ran) == ["eu1", "us1"]
    assert second.ran == []
    with opened(State(tmp_path)) as store:
        assert {wait.task for wait in store.waits("run-1")} == {"eu1/second", "us1/second"}
    _end_holds(tmp_path)
    report = go_on(tmp_path, resumption.resume)
    assert report.status is Status.DONE
    assert sorted(first.ran) == ["eu1", "us1"]
    assert sorted(second.ran) == ["eu1", "us1"]
    numbers = [event["seq"] for event in events(tmp_path, "task.finished")]
    assert len(numbers) == len(set(numbers)) == 4
    assert len(events(tmp_path, "run.resumed")) == 1
    assert status(tmp_path) is Status.DONE


def _end_holds(state: Path) -> None:
    """Set the journaled ends of all holds to the past, as if the night had passed."""
    with sqlite3.connect(state / "state.db") as connection:
        connection.execute(
            "UPDATE operation_outputs SET output = '{\"until\": 1}' WHERE function_name LIKE '%/hold/until'"
        )


class Looks(Scripted):
    """Looks on, and is asked to stop the first time; keeps when it was begun."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(Script())
        self.stop = stop
        self.began: list[float] = []

    def plan(self, context: StepContext) -> StepPlan:  # noqa: ARG002  it is the same for all
        return StepPlan("look", subtasks=(SubTask("watch", watches=True), SubTask("run")))

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:  # noqa: ARG002  as above
        self.began.append(context.began)
        if not self.stop.is_set():
            self.stop.set()
            raise CancelledError("looking", why="asked to stop")
        return {}


def test_a_watch_that_is_gone_on_with_knows_when_it_was_begun(tmp_path: Path, pipeline: Pipeline) -> None:
    stop = threading.Event()
    first = Looks(stop)
    fleet, steps = pipeline({"eu": "meta"}, first=first)
    before = time.time()
    with pytest.raises(InterruptedRunError):
        carry_out(fleet, tmp_path, steps, stop)
    stopped = time.time()
    assert go_on(tmp_path, resumption.resume).status is Status.DONE
    assert before <= first.began[0] == first.began[1] <= stopped
    assert first.began[2] == 0.0


class HoldsUs(Scripted):
    """Holds on us1 alone."""

    def plan(self, context: StepContext) -> StepPlan:
        plan = super().plan(context)
        return plan if name_of(context) == "us1" else replace(plan, subtasks=plan.subtasks[1:])


def test_a_segment_that_ended_before_the_interruption_is_not_waited_for_again(
    tmp_path: Path, pipeline: Pipeline
) -> None:
    first, shift = HoldsUs(Script(hold=60)), MetaScripted(Script())
    fleet, steps = pipeline({"eu": "meta", "us": "meta"}, first=first, shift=shift)
    until = Until("task.finished", "eu1/first")
    until._then = lambda: (time.sleep(0.5), until.set())
    with pytest.raises(InterruptedRunError):
        carry_out(fleet, tmp_path, steps, until, until)
    assert first.ran == ["eu1"]
    _end_holds(tmp_path)
    assert go_on(tmp_path, resumption.resume).status is Status.DONE
    assert sorted(first.ran) == ["eu1", "us1"]
    assert shift.ran == ["meta"]


def test_ends_that_were_journaled_but_not_told_before_a_kill_are_told_on_resume(
    tmp_path: Path, pipeline: Pipeline
) -> None:
    first, shift = Scripted(Script()), MetaScripted(Script())
    fleet, steps = pipeline({"eu": "meta", "us": "meta"}, first=first, shift=shift)
    carry_out(fleet, tmp_path, steps)
    with sqlite3.connect(tmp_path / "state.db") as connection:  # as a kill before the last batch leaves it
        connection.execute("DELETE FROM wsd_events WHERE event LIKE '%.finished%'")
        connection.execute("UPDATE wsd_runs SET status = 'running', finished = NULL")
    assert go_on(tmp_path, resumption.resume).status is Status.DONE
    assert sorted(str(event["task"]) for event in events(tmp_path, "task.finished")) == [
        "eu1/first",
        "meta/shift",
        "us1/first",
    ]
    assert first.ran.count("eu1") == first.ran.count("us1") == len(shift.ran) == 1


def test_a_state_whose_making_was_cut_off_can_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(connection: sa.Connection) -> None:
        database.schema.create(connection)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(database.metadata, "create_all", cut_off)
        with pytest.raises(KeyboardInterrupt):
            Store(State(tmp_path))
    Store(State(tmp_path)).close()


def test_a_finished_run_is_not_resumed(tmp_path: Path, pipeline: Pipeline) -> None:
    fleet, steps = pipeline({"eu": "meta"}, first=Scripted(Script()))
    carry_out(fleet, tmp_path, steps)
    with pytest.raises(RefusedError, match="it is done"):
        go_on(tmp_path, resumption.resume)


def test_a_retry_does_what_failed_and_what_depended_on_it(tmp_path: Path, pipeline: Pipeline) -> None:
    first, second, shift = Scripted(Script()), Scripted(Script(fails=("eu1",))), MetaScripted(Script())
    fleet, steps = pipeline({"eu": "meta", "us": "meta"}, first=first, second=second, shift=shift)
    assert carry_out(fleet, tmp_path, steps).status is Status.FAILED
    assert shift.ran == []
    second.parameters = Script()
    report = go_on(tmp_path, resumption.retry)
    assert report.status is Status.DONE
    assert sorted(first.ran) == ["eu1", "us1"]
    assert sorted(second.ran) == ["eu1", "eu1", "us1"]
    assert shift.ran == ["meta"]
    assert shift.saw["meta"]["fleet"] == ["eu1", "us1"]


class Remembers(Scripted):
    """Does one thing after the other and fails at the last one, so often; keeps what it is told of attempts before."""

    def __init__(self, failures: int) -> None:
        super().__init__(Script())
        self.failures = failures
        self.told: list[Undo | None] = []

    def plan(self, context: StepContext) -> StepPlan:
        self.told.append(context.attempted)
        data = {"planned": len(self.told)}
        return StepPlan("plan", diff="long", subtasks=(SubTask("one", data=data), SubTask("two"), SubTask("three")))

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        if subtask.name == "three" and len(self.told) <= self.failures:
            raise WsDeploymentError("running", on=name_of(context), why="told to fail")
        return {subtask.name: len(self.told)}


def test_a_task_that_is_tried_again_knows_what_the_attempts_before_it_did(tmp_path: Path, pipeline: Pipeline) -> None:
    first = Remembers(failures=2)
    fleet, steps = pipeline({"eu": "meta"}, first=first)
    carry_out(fleet, tmp_path, steps)
    assert go_on(tmp_path, resumption.retry).status is Status.FAILED
    assert go_on(tmp_path, resumption.retry).status is Status.DONE
    assert first.told[0] is None
    second, third = first.told[1:]
    assert second
    assert third
    assert [subtask.name for subtask in second.plan.subtasks] == ["one", "two", "three"]
    assert (second.finished, second.outputs) == (("one", "two"), {"one": 1, "two": 1})
    assert [subtask.data.get("planned") for subtask in third.plan.subtasks] == [1, None, None, 2, None, None]
    assert third.finished == ("one", "two", "one", "two")
    assert third.plan.diff == ""


def test_a_retry_of_one_task_leaves_the_other_failures(tmp_path: Path, pipeline: Pipeline) -> None:
    first = Scripted(Script(fails=("eu1", "us1")))
    fleet, steps = pipeline({"eu": "meta", "us": "meta"}, first=first)
    carry_out(fleet, tmp_path, steps)
    first.parameters = Script(fails=("us1",))
    report = go_on(tmp_path, resumption.retry, only=("eu1/first",))
    assert report.status is Status.FAILED
    assert report.outcomes["eu1/first"].status is Status.DONE
    assert report.outcomes["us1/first"].status is Status.FAILED
    assert first.ran.count("us1") == 1


def test_a_retry_needs_something_that_failed(tmp_path: Path, pipeline: Pipeline) -> None:
    fleet, steps = pipeline({"eu": "meta"}, first=Scripted(Script()))
    carry_out(fleet, tmp_path, steps)
    with pytest.raises(UsageError, match="no task of the run failed"):
        go_on(tmp_path, resumption.retry)
    with pytest.raises(UsageError, match="no such task"):
        go_on(tmp_path, resumption.retry, only=("eu1/nothing",))


def test_a_task_done_by_hand_is_verified_and_not_run(tmp_path: Path, pipeline: Pipeline) -> None:
    first, second = Scripted(Script(fails=("eu1",))), Scripted(Script())
    fleet, steps = pipeline({"eu": "meta"}, first=first, second=second)
    carry_out(fleet, tmp_path, steps)
    requests.mark_done(State(tmp_path), "run-1", "eu1/first", "made it myself")
    first.verified.clear()
    report = go_on(tmp_path, resumption.retry)
    assert report.status is Status.DONE
    assert "made it myself" in report.outcomes["eu1/first"].reason
    assert first.ran == ["eu1"]
    assert first.verified == ["eu1"]
    assert second.ran == ["eu1"]


def test_a_task_said_to_be_done_that_is_not_fails(tmp_path: Path, pipeline: Pipeline) -> None:
    first = Scripted(Script(fails=("eu1",), unverified=("eu1",)))
    fleet, steps = pipeline({"eu": "meta"}, first=first)
    carry_out(fleet, tmp_path, steps)
    requests.mark_done(State(tmp_path), "run-1", "eu1/first", "I think so")
    assert go_on(tmp_path, resumption.retry).outcomes["eu1/first"].status is Status.FAILED
    assert first.ran == ["eu1"]


def test_a_rollback_undoes_what_was_done_in_reverse_order(tmp_path: Path, pipeline: Pipeline) -> None:
    log: list[str] = []
    first, second, shift = (Scripted(Script(), log), Scripted(Script(fails=("us1",)), log), MetaScripted(Script(), log))
    fleet, steps = pipeline({"eu": "meta-eu", "us": "meta-us"}, first=first, second=second, shift=shift)
    assert carry_out(fleet, tmp_path, steps).status is Status.FAILED
    del log[:]
    report = go_on(tmp_path, resumption.rollback, bus="back-1")
    assert report.status is Status.DONE
    assert [entry for entry in log if "us1" in entry] == ["undo us1/second", "undo us1/first"]
    assert [entry for entry in log if "us1" not in entry] == ["undo meta-eu/shift", "undo eu1/second", "undo eu1/first"]
    assert first.undone["eu1"].outputs == {"by": "eu1"}
    assert first.undone["eu1"].finished == ("run",)
    assert status(tmp_path) is Status.ROLLED_BACK
    assert status(tmp_path, "back-1") is Status.DONE
    with opened(State(tmp_path)) as store:
        assert next(event["kind"] for event in store.events("back-1")) == "run.started"
    with pytest.raises(RefusedError, match="rolled back before"):
        go_on(tmp_path, resumption.rollback, bus="back-2")


def test_a_rollback_is_taken_up_like_any_run(tmp_path: Path, pipeline: Pipeline) -> None:
    first = Scripted(Script())
    fleet, steps = pipeline({"eu": "meta"}, first=first)
    carry_out(fleet, tmp_path, steps)
    first.parameters = Script(hold=60)
    bus = EventBus("back-1")
    until = Until("task.waiting")
    bus.subscribe(until.append)
    with pytest.raises(InterruptedRunError):
        resumption.rollback(State(tmp_path), "run-1", Manner(bus, until))
    assert status(tmp_path, "back-1") is Status.INTERRUPTED
    _end_holds(tmp_path)
    assert go_on(tmp_path, resumption.resume, "back-1").status is Status.DONE
    assert status(tmp_path) is Status.ROLLED_BACK
    assert list(first.undone) == ["eu1"]


def test_a_cancelled_run_ends_and_can_be_tried_again(tmp_path: Path, pipeline: Pipeline) -> None:
    first = Scripted(Script(hold=60))
    fleet, steps = pipeline({"eu": "meta"}, first=first)
    until = Until("task.waiting", then=lambda: requests.cancel(State(tmp_path), "latest"))
    with pytest.raises(InterruptedRunError):
        carry_out(fleet, tmp_path, steps, events=until)
    assert status(tmp_path) is Status.CANCELLED
    with pytest.raises(RefusedError, match="cancelled"):
        go_on(tmp_path, resumption.resume)
    _end_holds(tmp_path)
    assert go_on(tmp_path, resumption.retry).status is Status.DONE
    assert first.ran == ["eu1"]


def test_a_paused_run_starts_nothing_until_it_is_let_go_on(tmp_path: Path, pipeline: Pipeline) -> None:
    go = threading.Event()
    first, second = Scripted(Script(), wait=go), Scripted(Script())
    fleet, steps = pipeline({"eu": "meta"}, first=first, second=second)
    seen: list[list[str]] = []

    def pause() -> None:
        requests.pause(State(tmp_path), "latest")
        while status(tmp_path) is not Status.PAUSED:
            time.sleep(0.05)
        go.set()
        time.sleep(0.5)
        seen.append(list(second.ran))
        assert requests.unpause(State(tmp_path), "latest")

    until = Until("subtask.started", "eu1/first", then=pause)
    assert carry_out(fleet, tmp_path, steps, events=until).status is Status.DONE
    assert seen == [[]]
    assert second.ran == ["eu1"]
    kinds = [event["kind"] for event in (*events(tmp_path, "run.paused"), *events(tmp_path, "run.unpaused"))]
    assert kinds == ["run.paused", "run.unpaused"]


def test_a_run_waits_for_an_approval_and_keeps_who_gave_it(tmp_path: Path, pipeline: Pipeline) -> None:
    first, ask, last = Scripted(Script()), Asking(Script()), Scripted(Script())
    fleet, steps = pipeline({"eu": "meta"}, first=first, ask=ask, last=last)
    with pytest.raises(WaitingRunError):
        carry_out(fleet, tmp_path, steps, exit_on_wait=True)
    assert status(tmp_path) is Status.WAITING
    assert last.ran == []
    with pytest.raises(WaitingRunError):
        go_on(tmp_path, resumption.resume, exit_on_wait=True)
    with pytest.raises(RefusedError, match="eu1/ask/ask"):
        requests.approve(State(tmp_path), "run-1", "eu1/other")
    requests.approve(State(tmp_path), "run-1", reason="looks good")
    report = go_on(tmp_path, resumption.resume)
    assert report.status is Status.DONE
    assert report.outcomes["eu1/ask"].outputs["approved"]["reason"] == "looks good"
    assert last.ran == ["eu1"]
    assert [event["data"]["reason"] for event in events(tmp_path, "task.approved")] == ["looks good"]  # type: ignore[index]  # JSON, read loosely


def test_what_waited_is_due_when_its_moment_or_approval_has_come(tmp_path: Path, pipeline: Pipeline) -> None:
    ask, last = Asking(Script()), Scripted(Script(hold=1.0))
    fleet, steps = pipeline({"eu": "meta"}, ask=ask, last=last)
    with pytest.raises(WaitingRunError):
        carry_out(fleet, tmp_path, steps, exit_on_wait=True)
    assert requests.due(State(tmp_path)) == []
    requests.approve(State(tmp_path), "run-1")
    assert [due.why for due in requests.due(State(tmp_path))] == ["eu1/ask/ask is approved"]
    with pytest.raises(WaitingRunError):
        go_on(tmp_path, resumption.resume, exit_on_wait=True)
    with opened(State(tmp_path)) as store:
        assert [wait.subtask for wait in store.waits("run-1")] == ["hold"]
    while not requests.due(State(tmp_path)):
        time.sleep(0.05)
    assert [due.why for due in requests.due(State(tmp_path))] == ["the time of eu1/last/hold has come"]
    assert go_on(tmp_path, resumption.resume).status is Status.DONE
    assert requests.due(State(tmp_path)) == []


def test_what_waits_alone_ends_the_command_only_when_nothing_else_goes_on(tmp_path: Path, pipeline: Pipeline) -> None:
    go = threading.Event()
    ask, slow = Asking(Script(skips=("us1",))), Scripted(Script(), wait=go)
    fleet, steps = pipeline({"eu": "meta", "us": "meta"}, ask=ask, slow=slow)
    until = Until("task.waiting", then=lambda: (time.sleep(0.5), go.set()))
    with pytest.raises(WaitingRunError):
        carry_out(fleet, tmp_path, steps, events=until, exit_on_wait=True)
    assert slow.ran == ["us1"]


def test_the_store_forgets_only_old_ended_runs(tmp_path: Path, pipeline: Pipeline) -> None:
    fleet, steps = pipeline({"eu": "meta"}, first=Scripted(Script()))
    carry_out(fleet, tmp_path, steps)
    store = Store(State(tmp_path))
    assert store.ended_before(time.time() - 60) == []
    (old,) = store.ended_before(time.time() + 60)
    store.forget(old.id)
    assert store.runs() == []
    assert store.events("run-1") == []
    store.close()


def test_events_of_a_resumed_run_go_on_where_they_ended(tmp_path: Path, pipeline: Pipeline) -> None:
    fleet, steps = pipeline({"eu": "meta"}, first=Scripted(Script(hold=60)))
    with pytest.raises(InterruptedRunError):
        stopped_at_holds(fleet, tmp_path, steps, 1)
    _end_holds(tmp_path)
    bus = EventBus("run-1")
    seen: list[Event] = []
    bus.subscribe(seen.append)
    resumption.resume(State(tmp_path), "run-1", Manner(bus))
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert [event.past for event in seen].index(False) > 0
