from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator

import pytest
from harness import event_streams as streams

from ws_deployment.engine.events import Kind
from ws_deployment.output.plain import PlainOutput


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def lines(story: streams.Story, every: float = 5.0) -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    streams.play(PlainOutput(stream), story, every)
    stream.seek(0)
    return stream.read().splitlines()


def test_lines_are_aligned_and_say_what_when_and_where() -> None:
    shown = lines(streams.mixed())
    assert shown[0] == "09:15:33  run 20261121-091533-7f3a of demo-staging: id 17, 3 clusters, 20 tasks"
    assert shown[1] == "09:15:33  eu17            create-cluster      create gp-stag-ws-eu17 (local) by Terraform"
    assert "09:15:35  eu17            create-cluster      done in 2.1s" in shown
    assert "09:15:42  prod-meta-eu00  traffic-shift       2/4 hold at 10 % for 600 s, until 09:25:42" in shown
    assert any("attempt 1 of 4 failed, again in 2.0s: installing jaeger on us17" in line for line in shown)
    assert shown[-1].endswith("failed in 10m09s: 16 done, 1 skipped, 1 failed, 2 blocked")


def test_a_remedy_is_indented_below_the_failure() -> None:
    shown = lines(streams.mixed())
    place = next(i for i, line in enumerate(shown) if "alive-test          failed after 30s" in line)
    assert shown[place + 1 : place + 3] == [
        "            Look at the Pod's events: kubectl describe pod ws-probe.",
        "            Compare the labels of nodes and step.",
    ]


def test_a_long_hold_gives_a_line_a_minute() -> None:
    held = [line for line in lines(streams.mixed(), every=0.2) if "still: hold at 10 %" in line]
    assert len(held) == 9
    minutes = [int(line[3:5]) for line in held]
    assert minutes == list(range(minutes[0], minutes[0] + 9))


def test_chatty_progress_is_throttled_and_its_last_word_kept() -> None:
    story = streams.Story({"meta": ("eu17",)})
    story.begin(0, "eu17/create-cluster", "create it")
    for number in range(300):
        story.say(0.1 * number, Kind.TASK_PROGRESS, "eu17/create-cluster", message=f"resource {number}")
    story.say(50, Kind.TASK_PROGRESS, "eu17/create-cluster", message="the last")
    story.done(59, "eu17/create-cluster", "create it", 59.0)
    progress = [line for line in lines(story, every=0.2) if "resource" in line]
    assert 2 <= len(progress) <= 4


def test_tasks_blocked_together_are_one_line() -> None:
    story = streams.Story({"meta": ("eu17",)})
    story.finish(1, "eu17/create-cluster", "failed", "no", 1.0)
    for step in streams.STEPS[1:6]:
        story.finish(1, f"eu17/{step}", "blocked", "eu17/create-cluster failed")
    story.end(2, "failed")
    blocked = [line for line in lines(story) if "blocked:" in line]
    assert len(blocked) == 1
    assert blocked[0].endswith("install-gitpod      blocked: eu17/create-cluster failed (and 4 more after it)")


def test_what_a_child_wrote_cannot_steer_the_terminal() -> None:
    story = streams.Story({"meta": ("eu17",)})
    story.begin(0, "eu17/create-cluster", "create\x1b[2J\x1b]0;title\x07\ra\tb")
    (line,) = [line for line in lines(story) if "create-cluster" in line]
    assert re.search(r"createa b$", line)
