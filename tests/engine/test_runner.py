from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from engine.noop import MetaScripted, Script, Scripted, carry_out, config, configured

from ws_deployment.engine import phases
from ws_deployment.engine.events import Event
from ws_deployment.engine.interrupted import InterruptedRunError
from ws_deployment.engine.launch import RefusedRunError
from ws_deployment.engine.outcome import Status
from ws_deployment.errors import TransientError
from ws_deployment.interfaces import StepContext, Verdict

TWO_METAS = {"eu": "meta-eu", "ew": "meta-eu", "us": "meta-us"}


def statuses(report: object) -> dict[str, str]:
    return {key: str(outcome.status) for key, outcome in report.outcomes.items()}  # type: ignore[attr-defined]  # a test reads loosely


def test_all_tasks_run_and_hand_on_their_outputs(tmp_path: Path) -> None:
    first, second, shift = Scripted(Script()), Scripted(Script()), MetaScripted(Script())
    fleet = config(TWO_METAS)
    report = carry_out(fleet, tmp_path, configured(fleet, first=first, second=second, shift=shift))
    assert report.status is Status.DONE
    assert set(statuses(report).values()) == {"done"}
    assert sorted(first.ran) == ["eu1", "ew1", "us1"]
    assert sorted(shift.ran) == ["meta-eu", "meta-us"]
    assert second.saw["eu1"]["first"] == {"by": "eu1"}


def test_a_failure_stops_its_cluster_and_the_traffic_of_its_meta_cluster_only(tmp_path: Path) -> None:
    first, second, shift = Scripted(Script(fails=("eu1",))), Scripted(Script()), MetaScripted(Script())
    fleet = config(TWO_METAS)
    report = carry_out(fleet, tmp_path, configured(fleet, first=first, second=second, shift=shift))
    assert report.status is Status.FAILED
    assert statuses(report) == {
        "eu1/first": "failed",
        "eu1/second": "blocked",
        "ew1/first": "done",
        "ew1/second": "done",
        "us1/first": "done",
        "us1/second": "done",
        "meta-eu/shift": "blocked",
        "meta-us/shift": "done",
    }
    assert report.outcomes["eu1/first"].problem is not None
    assert report.outcomes["eu1/first"].problem.remedy == "tell it otherwise"
    assert report.outcomes["meta-eu/shift"].reason == "eu1/first failed"


def test_continue_leaves_the_failed_cluster_out_of_the_shift(tmp_path: Path) -> None:
    first, shift = Scripted(Script(fails=("eu1",))), MetaScripted(Script())
    fleet = config(TWO_METAS, onFailure="continue")
    report = carry_out(fleet, tmp_path, configured(fleet, first=first, shift=shift))
    assert report.status is Status.FAILED
    assert report.outcomes["meta-eu/shift"].status is Status.DONE
    assert shift.saw["meta-eu"]["fleet"] == ["ew1"], "a task sees the clusters that it is about"


def test_continue_has_nothing_to_shift_when_all_clusters_of_a_meta_cluster_failed(tmp_path: Path) -> None:
    first, shift = Scripted(Script(fails=("us1",))), MetaScripted(Script())
    fleet = config(TWO_METAS, onFailure="continue")
    report = carry_out(fleet, tmp_path, configured(fleet, first=first, shift=shift))
    assert report.outcomes["meta-us/shift"].status is Status.BLOCKED
    assert shift.ran == ["meta-eu"]


def test_what_may_pass_is_tried_again_and_told(tmp_path: Path) -> None:
    step = Scripted(Script(transient_failures=2))
    fleet = config({"eu": "meta"})
    events: list[Event] = []
    report = carry_out(fleet, tmp_path, configured(fleet, first=step), events=events)
    assert report.outcomes["eu1/first"].status is Status.DONE
    assert report.outcomes["eu1/first"].attempts == 3
    assert [event.data["attempt"] for event in events if event.kind == "task.retrying"] == [1, 2]


def test_retries_end(tmp_path: Path) -> None:
    step = Scripted(Script(transient_failures=99))
    fleet = config({"eu": "meta"})
    report = carry_out(fleet, tmp_path, configured(fleet, first=step))
    assert report.outcomes["eu1/first"].status is Status.FAILED
    assert len(step.ran) == 3


def test_what_cannot_pass_fails_at_once(tmp_path: Path) -> None:
    step = Scripted(Script(crashes=("eu1",)))
    fleet = config({"eu": "meta"})
    report = carry_out(fleet, tmp_path, configured(fleet, first=step))
    assert report.outcomes["eu1/first"].status is Status.FAILED
    assert "ZeroDivisionError" in str(report.outcomes["eu1/first"].problem)
    assert len(step.ran) == 1


def test_a_step_out_of_time_is_of_unknown_outcome_and_not_tried_again(tmp_path: Path) -> None:
    step = Scripted(Script(hangs=("eu1",)))
    fleet = config({"eu": "meta"}, timeouts={"run": 0.2})
    report = carry_out(fleet, tmp_path, configured(fleet, first=step))
    assert report.outcomes["eu1/first"].status is Status.UNKNOWN
    assert len(step.ran) == 1


def test_a_step_that_does_not_even_return_when_asked_to_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "GRACE", 0.1)
    wake = threading.Event()
    first, deaf, last = Scripted(Script()), Scripted(Script(deaf=("eu1",)), wait=wake), Scripted(Script())
    fleet = config({"eu": "meta", "us": "meta"}, timeouts={"run": 0.2})
    events: list[Event] = []
    report = carry_out(fleet, tmp_path, configured(fleet, first=first, deaf=deaf, last=last), events=events)
    assert statuses(report) == {
        **{f"us1/{step}": "done" for step in ("first", "deaf", "last")},
        "eu1/first": "done",
        "eu1/deaf": "unknown",
        "eu1/last": "blocked",
    }
    assert "did not return within its limit" in str(report.outcomes["eu1/deaf"].problem)
    assert sorted(first.ran) == sorted(deaf.ran) == ["eu1", "us1"]
    told = [(event.kind, event.task) for event in events if event.kind in {"task.started", "task.finished"}]
    assert len(told) == len(set(told))
    so_far = len(events)
    wake.set()
    for thread in threading.enumerate():
        if thread.name == "phases":
            thread.join(10)
            assert not thread.is_alive()
    assert deaf.verified == ["us1"]
    assert len(events) == so_far


def test_a_refusal_beforehand_leaves_everything_untouched(tmp_path: Path) -> None:
    first, second = Scripted(Script()), Scripted(Script(refuses=("us1",)))
    fleet = config(TWO_METAS)
    with pytest.raises(RefusedRunError, match="told to refuse") as caught:
        carry_out(fleet, tmp_path, configured(fleet, first=first, second=second))
    assert [task.key for task, _ in caught.value.refusals] == ["us1/second"]
    assert first.ran == []


def test_a_skipped_task_does_not_run_and_lets_the_others_go_on(tmp_path: Path) -> None:
    first, second = Scripted(Script(skips=("eu1",))), Scripted(Script())
    fleet = config({"eu": "meta"})
    report = carry_out(fleet, tmp_path, configured(fleet, first=first, second=second))
    assert statuses(report) == {"eu1/first": "skipped", "eu1/second": "done"}
    assert report.outcomes["eu1/first"].reason == "told to skip"
    assert report.status is Status.DONE
    assert first.ran == []


def test_a_hold_is_waited_for(tmp_path: Path) -> None:
    step = Scripted(Script(hold=0.3))
    fleet = config({"eu": "meta"})
    events: list[Event] = []
    carry_out(fleet, tmp_path, configured(fleet, first=step), events=events)
    [waiting] = [event for event in events if event.kind == "task.waiting"]
    _, ran = [event.at for event in events if event.kind == "subtask.started"]
    assert ran >= waiting.data["until"] - 0.05  # the clock is read twice: for the end, and for how long to wait


def test_a_run_that_is_asked_to_stop_stops_and_says_so(tmp_path: Path) -> None:
    step = Scripted(Script(hold=60))
    fleet = config({"eu": "meta", "us": "meta"})
    cancelled = threading.Event()

    class Stopping(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            if event.kind == "task.waiting":
                cancelled.set()

    events = Stopping()
    started = time.monotonic()
    with pytest.raises(InterruptedRunError):
        carry_out(fleet, tmp_path, configured(fleet, first=step), cancelled, events)
    assert time.monotonic() - started < 50, "the hold was waited for"
    assert step.ran == []
    assert events[-1].data["status"] == "interrupted"


def test_events_are_numbered_without_gaps_and_kept(tmp_path: Path) -> None:
    from ws_deployment.engine.state import State  # noqa: PLC0415  loaded when used
    from ws_deployment.engine.store import Store  # noqa: PLC0415  after the run has made the file

    fleet = config(TWO_METAS)
    events: list[Event] = []
    carry_out(fleet, tmp_path, configured(fleet, first=Scripted(Script())), events=events)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    store = Store(State(tmp_path))
    assert store.events("run-1")[-1]["kind"] == "run.finished"
    assert len(store.events("run-1")) <= len(events)
    assert store.used_ids("test-staging") == {1}
    store.close()


def test_the_journal_is_private_and_holds_no_pickle(tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415  loaded when used

    fleet = config({"eu": "meta"})
    carry_out(fleet, tmp_path, configured(fleet, first=Scripted(Script())))
    path = tmp_path / "state.db"
    assert path.stat().st_mode & 0o077 == 0
    with sqlite3.connect(path) as connection:
        kinds = {row[0] for row in connection.execute("SELECT DISTINCT serialization FROM operation_outputs")}
    assert kinds - {None} == {"portable_json"}  # a started segment has no output of its own


class Flapping(Scripted):
    """Its check can't be made the second, third and fourth time: after the look beforehand."""

    asked = 0

    def _judge(self, context: StepContext) -> Verdict:
        self.asked += 1
        if 1 < self.asked < 5:
            raise TransientError("asking", on=context.cluster.name, why="not now")
        return Verdict.proceed()


def test_a_check_that_may_pass_is_asked_again_when_its_task_has_come(tmp_path: Path) -> None:
    step = Flapping(Script())
    fleet = config({"eu": "meta"})
    events: list[Event] = []
    report = carry_out(fleet, tmp_path, configured(fleet, first=Scripted(Script()), second=step), events=events)
    assert report.outcomes["eu1/second"].status is Status.DONE
    assert step.asked == 5
    assert [event.data["attempt"] for event in events if event.kind == "task.retrying"] == [1, 2]
