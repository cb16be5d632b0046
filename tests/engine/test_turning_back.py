from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine.noop import Script, Scripted, carry_out, config, configured, in_pipeline, name_of

from ws_deployment.engine import requests, resumption
from ws_deployment.engine.events import Event, EventBus
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.manner import Manner
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.state import State
from ws_deployment.engine.store import Store
from ws_deployment.errors import CancelledError, WsDeploymentError
from ws_deployment.interfaces import Outputs, Scope, StepContext, StepPlan, SubTask, TurnBackError, Undo

RUN = "run-1"
BOTH = {"eu": "meta", "us": "meta"}


class Shifting(Scripted):
    """Writes two clusters, watches, writes on; `condemns` are the clusters that the watch turns back."""

    scope = Scope.META

    def __init__(self, condemns: tuple[str, ...] = (), *, whole_run: bool = False) -> None:
        super().__init__(Script())
        self.condemns = condemns
        self.whole_run = whole_run
        self.did: list[str] = []
        self.took: list[Undo] = []
        self.stop: threading.Event | None = None
        self.fails_back = False

    def plan(self, context: StepContext) -> StepPlan:
        parts = [cluster.short_name for cluster in context.fleet.governed_by(context.meta.name)]
        writes = [[SubTask(f"{level} {part}", part=part) for part in parts] for level in (50, 100)]
        watches = [SubTask(f"watch {level}", watches=True) for level in (50, 100)]
        return StepPlan("shift", subtasks=(*writes[0], watches[0], *writes[1], watches[1]))

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        self.did.append(subtask.name)
        bad = frozenset(self.condemns) - context.left_out
        if subtask.watches and self.condemns and bad:
            whole = bad == {"all"}
            raise TurnBackError(
                "watching",
                on=name_of(context),
                why="too many failures",
                parts=frozenset() if whole else bad,
                whole_run=self.whole_run,
            )
        return {}

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        del context
        self.took.append(undo)
        return StepPlan("back", subtasks=(SubTask("up"), SubTask("down")))

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:
        del context, undo
        if self.stop:
            stop, self.stop = self.stop, None
            stop.set()
            raise CancelledError("going back", why="asked to stop")
        if self.fails_back:
            raise WsDeploymentError("going", on="back", why="the door is shut")
        self.did.append(f"back {subtask.name}")


def test_what_turns_bad_is_taken_back_and_blocks_what_comes_after(tmp_path: Path) -> None:
    shift, after = Shifting(("all",)), Scripted(Script())
    fleet = config(BOTH)
    events: list[Event] = []
    report = carry_out(fleet, tmp_path, configured(fleet, shift=shift, after=after), events=events)
    assert report.status is Status.TURNED_BACK
    assert report.outcomes["meta/shift"].status is Status.TURNED_BACK
    assert report.outcomes["eu1/after"].status is Status.BLOCKED
    assert shift.did == ["50 eu1", "50 us1", "watch 50", "back up", "back down"]
    assert shift.took[0].finished == ("50 eu1", "50 us1")
    [told] = [event for event in events if event.kind == "task.turning-back"]
    assert told.data["reason"] == "watching meta: too many failures"
    assert after.ran == []


def test_one_cluster_is_turned_back_alone_and_the_others_go_on(tmp_path: Path) -> None:
    shift = Shifting(("us1",))
    fleet = config(BOTH)
    report = carry_out(fleet, tmp_path, configured(fleet, shift=shift))
    assert shift.did == ["50 eu1", "50 us1", "watch 50", "back up", "back down", "watch 50", "100 eu1", "watch 100"]
    assert shift.took[0].only == {"us1"}
    outcome = report.outcomes["meta/shift"]
    assert outcome.status is Status.TURNED_BACK
    assert "too many failures" in str(outcome.problem)
    assert report.status is Status.TURNED_BACK


def test_the_last_cluster_that_is_left_takes_all_back(tmp_path: Path) -> None:
    shift = Shifting(("us1", "eu1"))
    fleet = config(BOTH)
    report = carry_out(fleet, tmp_path, configured(fleet, shift=shift))
    assert report.status is Status.TURNED_BACK
    assert shift.took[0].only == frozenset()


def test_a_way_back_that_is_cut_off_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shift = Shifting(("all",))
    shift.stop = cancelled = threading.Event()
    fleet = config(BOTH)
    steps = configured(fleet, shift=shift)
    in_pipeline(monkeypatch, steps)
    with pytest.raises(InterruptedRunError):
        carry_out(fleet, tmp_path, steps, cancelled)
    shift.condemns = ()  # what condemned it is journaled: nobody looks again
    report = resumption.resume(State(tmp_path), RUN, Manner(EventBus(RUN)))
    assert report.status is Status.TURNED_BACK
    assert shift.did == ["50 eu1", "50 us1", "watch 50", "back up", "back down"]


def test_a_way_back_that_fails_says_both(tmp_path: Path) -> None:
    shift = Shifting(("all",))
    shift.fails_back = True
    fleet = config(BOTH)
    report = carry_out(fleet, tmp_path, configured(fleet, shift=shift))
    assert report.status is Status.FAILED
    problem = str(report.outcomes["meta/shift"].problem)
    assert "the door is shut" in problem
    assert "too many failures" in problem


class Recalled(Shifting):
    """Watches until the whole run is recalled, where it is not what condemns it."""

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        if subtask.watches and context.meta.name == "meta-b":
            end = time.monotonic() + 30
            while not context.recalled() and time.monotonic() < end:
                time.sleep(0.01)
            raise TurnBackError("watching", on="meta-b", why="the run was recalled" if context.recalled() else "late")
        return super().run(context, subtask)


def test_one_failure_takes_the_whole_run_back_where_it_is_asked_to(tmp_path: Path) -> None:
    shift = Recalled(("all",), whole_run=True)
    fleet = config({"eu": "meta-a", "us": "meta-b"})
    report = carry_out(fleet, tmp_path, configured(fleet, shift=shift))
    assert {outcome.status for outcome in report.outcomes.values()} == {Status.TURNED_BACK}
    assert "recalled" in str(report.outcomes["meta-b/shift"].problem)
    assert requests.shall_be_undone(State(tmp_path), RUN)


def test_a_run_that_turned_back_one_task_alone_is_not_undone(tmp_path: Path) -> None:
    fleet = config(BOTH)
    carry_out(fleet, tmp_path, configured(fleet, shift=Shifting(("all",))))
    assert not requests.shall_be_undone(State(tmp_path), RUN)


class Asks(Scripted):
    """Asks, and is asked to stop after the first answer; then it is carried out once more."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        super().__init__(Script())
        self.stop = stop

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        del subtask
        with context.question("Shall it go on?") as answered:
            end = time.monotonic() + 30
            while not (who := answered()) and time.monotonic() < end:
                time.sleep(0.01)
        if self.stop:
            stop, self.stop = self.stop, None
            stop.set()
            raise CancelledError("asking", why="asked to stop")
        return {"who": who}


def answered(carry: Callable[[list[Event]], Any], state: Path) -> tuple[Any, list[Event]]:
    """What comes of carrying it out in the background, when somebody approves once it asks."""
    events: list[Event] = []
    done: list[Any] = []

    def carried() -> None:
        try:
            done.append(carry(events))
        except InterruptedRunError as error:
            done.append(error)

    run = threading.Thread(target=carried)
    run.start()
    end = time.monotonic() + 30
    while not any(event.kind == "task.waiting" and not event.past for event in events) and time.monotonic() < end:
        time.sleep(0.01)
    assert run.is_alive()
    requests.approve(State(state), RUN)
    run.join(30)
    return done[0], events


def test_a_person_is_asked_while_a_subtask_goes_on(tmp_path: Path) -> None:
    fleet = config({"eu": "meta"})
    steps = configured(fleet, first=Asks())
    report, events = answered(lambda told: carry_out(fleet, tmp_path, steps, events=told), tmp_path)
    assert [event.data["who"] for event in events if event.kind == "task.approved"]
    assert "@" in report.outcomes["eu1/first"].outputs["who"]
    store = Store(State(tmp_path))
    assert store.waits(RUN) == []
    store.close()


class AsksInVain(Scripted):
    """Asks, thinks better of it, and goes on for a while."""

    def __init__(self, store: Path) -> None:
        super().__init__(Script())
        self.state = State(store)
        self.waits: list[list[str]] = []

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        del subtask
        with context.question("Shall it go on?") as answered:
            assert not answered()
            self.waits.append(self._waited_for())
        self.waits.append(self._waited_for())
        return {}

    def _waited_for(self) -> list[str]:
        store = Store(self.state)
        try:
            return [wait.text for wait in store.waits(RUN)]
        finally:
            store.close()


def test_a_question_that_is_left_unanswered_is_withdrawn_at_once(tmp_path: Path) -> None:
    fleet = config({"eu": "meta"})
    step = AsksInVain(tmp_path)
    events: list[Event] = []
    report = carry_out(fleet, tmp_path, configured(fleet, first=step), events=events)
    assert report.status is Status.DONE
    assert step.waits == [["Shall it go on?"], []]
    told = [
        (event.kind, event.data.get("text")) for event in events if event.kind in {"task.waiting", "task.withdrawn"}
    ]
    assert told == [("task.waiting", "Shall it go on?"), ("task.withdrawn", "Shall it go on?")]


def test_an_earlier_yes_does_not_answer_a_question_that_is_put_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = threading.Event()
    fleet = config({"eu": "meta"})
    steps = configured(fleet, first=Asks(cancelled))
    in_pipeline(monkeypatch, steps)
    stopped, _ = answered(lambda told: carry_out(fleet, tmp_path, steps, cancelled, told), tmp_path)
    assert isinstance(stopped, InterruptedRunError)

    def resumed(told: list[Event]) -> Any:
        bus = EventBus(RUN)
        bus.subscribe(told.append)
        return resumption.resume(State(tmp_path), RUN, Manner(bus))

    report, _ = answered(resumed, tmp_path)
    assert report.status is Status.DONE
