"""A run that is killed four times, and its rollback, killed twice, end as if nobody had.

The full sweep has a world of its own for every kill: `make sweep`, docs/sweep.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.lab_tools import real_tools_folder
from sweep.final import final
from sweep.kills import Point, Rollback, Run, journaling, killed_at
from sweep.world import World

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]  # a machine under load is slow, not wrong


def of_ea7(entry: str) -> str:
    return journaling(f"ea7/{entry}", "ea7/create-cluster")


DURING_THE_RUN = [
    Point(of_ea7("create-cluster/run"), "before"),
    Point(of_ea7("install-jaeger/run"), "after"),
    Point(of_ea7("register-cluster/meta"), "after"),
    Point(journaling("meta/traffic-shift/50%/ea1/score"), "before"),
]
DURING_THE_ROLLBACK = [
    Point(journaling("meta/traffic-shift/0%/ea1/score"), "before"),
    Point("update runs done + update runs rolled back #1", "before"),
]


def test_six_kills_change_nothing(tmp_path: Path) -> None:
    tools = real_tools_folder()
    calm, killed = World(tmp_path / "calm", tools), World(tmp_path / "killed", tools)
    try:
        ended = calm.run()
        assert ended.code == 0, ended.text
        results = killed_at(killed, Run(), DURING_THE_RUN, final(calm))
        assert results[-1].differences == []
        assert results[-1].notes == []
        assert [each.point for each in results if not each.reached] == []
        assert len(results) == len(DURING_THE_RUN) + 1
        before = len(calm.bridge_calls())
        ended = calm.rollback()
        assert ended.code == 0, ended.text
        results = killed_at(killed, Rollback(), DURING_THE_ROLLBACK, final(calm), before)
        assert results[-1].differences == []
        assert [each.point for each in results if not each.reached] == []
        assert len(results) == len(DURING_THE_ROLLBACK) + 1
        assert killed.programs() == []
    finally:
        calm.end()
        killed.end()
