from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from engine.noop import MetaScripted, Script, Scripted, carry_out, config, configured
from ws_deployment_steps.soak import Soak, SoakParameters

from ws_deployment.engine.events import Event
from ws_deployment.engine.manner import Report
from ws_deployment.engine.outcome import Status
from ws_deployment.engine.pipeline import configure
from ws_deployment.interfaces import Outputs, StepContext, SubTask

THREE = {"aa": "meta", "bb": "meta", "cc": "meta"}


def in_waves(
    tmp_path: Path, waves: list[dict[str, object]], on_failure: str = "stop", **steps: Scripted
) -> tuple[Report, list[Event]]:
    fleet = config(THREE, onFailure=on_failure)
    fleet = fleet.model_validate({**fleet.model_dump(by_alias=True, exclude_unset=True), "waves": waves})
    chosen = configured(fleet, **steps)
    between = tuple(
        replace(chosen[0], name=f"after-wave-{number}", step=Soak(SoakParameters(time=wave.soak)), after_wave=number)
        for number, wave in enumerate(fleet.waves, 1)
    )
    events: list[Event] = []
    return carry_out(fleet, tmp_path, (*chosen, *between), events=events), events


def test_a_wave_goes_through_all_steps_before_the_next_begins(tmp_path: Path) -> None:
    log: list[str] = []

    class Told(Scripted):
        def run(self, context: StepContext, subtask: SubTask) -> Outputs:
            log.append(f"{context.cluster.short_name}")
            return super().run(context, subtask)

    class Shift(MetaScripted):
        def run(self, context: StepContext, subtask: SubTask) -> Outputs:
            log.append("shift " + " ".join(c.short_name for c in context.fleet.governed_by("meta")))
            return super().run(context, subtask)

    report, events = in_waves(
        tmp_path, [{"prefixes": ["bb"], "soak": 0.2}], first=Told(Script()), shift=Shift(Script())
    )
    assert report.status is Status.DONE
    assert log[:2] == ["bb1", "shift bb1"]
    assert sorted(log[2:4]) == ["aa1", "cc1"]
    assert log[4] == "shift aa1 cc1"
    assert set(report.outcomes) == {
        "aa1/first",
        "bb1/first",
        "cc1/first",
        "meta/shift",
        "meta/shift-2",
        "run/after-wave-1",
    }
    assert any(event.kind == "task.waiting" and event.task == "run/after-wave-1" for event in events)


@pytest.mark.parametrize(("on_failure", "left"), [("stop", "blocked"), ("continue", "done")])
def test_a_wave_that_failed_keeps_the_others_from_beginning_unless_told_otherwise(
    tmp_path: Path, on_failure: str, left: str
) -> None:
    report, _ = in_waves(tmp_path, [{"prefixes": ["bb"]}], on_failure, first=Scripted(Script(fails=("bb1",))))
    assert report.outcomes["bb1/first"].status is Status.FAILED
    assert report.outcomes["aa1/first"].status == left
    assert report.outcomes["cc1/first"].status == left


def test_at_most_so_many_are_worked_on_at_once(tmp_path: Path) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    both = threading.Event()

    class Counted(Scripted):
        def run(self, context: StepContext, subtask: SubTask) -> Outputs:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
                if now[0] > 1:
                    both.set()
            both.wait(0.3)
            with lock:
                now[0] -= 1
            return super().run(context, subtask)

    in_waves(tmp_path, [{"atMost": 1}], first=Counted(Script()))
    assert most == [1]
    assert not both.is_set()


def test_the_step_between_waves_is_found_by_its_name() -> None:
    fleet = config(THREE)
    fleet = fleet.model_validate(
        {
            **fleet.model_dump(by_alias=True, exclude_unset=True),
            "pipeline": ["approval"],
            "waves": [{"prefixes": ["aa"], "soak": "1h", "approve": True}],
        }
    )
    *_, between = configure(fleet)
    assert (between.name, between.after_wave) == ("after-wave-1", 1)
    assert between.step.parameters.time == 3600
    assert "wave 1" in between.step.parameters.question
