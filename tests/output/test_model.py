from __future__ import annotations

import pytest
from harness import event_streams as streams
from hypothesis import given, settings
from hypothesis import strategies as st

from ws_deployment.engine.outcome import Status
from ws_deployment.output.model import RunView


def test_a_whole_run_is_folded_into_rows_in_the_configs_order() -> None:
    run = streams.folded(streams.mixed())
    assert [row.name for row in run.rows] == ["eu17", "eun17", "us17", "prod-meta-eu00", "prod-meta-us01"]
    assert [row.status for row in run.rows] == ["done", "done", "failed", "done", "blocked"]
    assert run.counts == {"done": 16, "skipped": 1, "failed": 1, "blocked": 2}
    assert [task.key for task in run.faults] == ["us17/alive-test"]
    assert run.traffic == {"prod-meta-eu00": {"eu17": 100.0}}
    assert run.seconds == pytest.approx(609.2, abs=0.1)


def test_a_retry_counts_down_and_then_says_which_attempt_runs() -> None:
    story = streams.mixed()
    retried = next(e for e in story.events() if e.kind == "task.retrying")
    run = streams.folded(story, retried.at - streams.BEGIN)
    task = run.tasks["us17/install-jaeger"]
    assert (task.attempt, task.attempts) == (2, 4)
    assert task.activity(retried.at + 0.5).startswith("again in 2s: installing jaeger")
    assert task.activity(retried.at + 3).startswith("installing jaeger")


def test_a_hold_counts_down() -> None:
    run = streams.folded(streams.mixed(), 300)
    task = run.tasks["prod-meta-eu00/traffic-shift"]
    assert task.hold_until is not None
    assert task.activity(task.hold_until - 65) == "hold at 10 % for 600 s, 1m05s left"
    assert task.place == 2
    assert run.traffic["prod-meta-eu00"] == {"eu17": 10.0, "eu16": 90.0}


def test_the_end_of_an_interrupted_run_ends_its_tasks() -> None:
    run = streams.folded(streams.interrupted())
    task = run.tasks["eu17/install-gitpod"]
    assert (task.status, task.reason) == (Status.CANCELLED, "interrupted")
    assert task.seconds == pytest.approx(5.0)
    assert run.rows[0].current is task


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_part_of_a_stream_can_be_folded(data: st.DataObject) -> None:
    events = streams.mixed().events()
    start = data.draw(st.integers(0, len(events) - 1))
    kept = data.draw(st.lists(st.sampled_from(events[start:]), max_size=30))
    run = RunView()
    for event in kept:
        run.take(event)
    for row in run.rows:
        assert row.current in row.tasks
        assert all(task.elapsed(streams.BEGIN) >= 0 for task in row.tasks)
