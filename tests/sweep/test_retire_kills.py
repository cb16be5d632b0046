"""A retirement that is killed in its wait and right after the deregistration ends as if nobody had.

The full sweep has a world of its own for every kill: `make sweep ONLY=retire`, docs/sweep.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.lab_tools import real_tools_folder
from sweep.final import final
from sweep.kills import Point, Retire, journaling, killed_at
from sweep.world import BARE, World, of_one

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]  # a machine under load is slow, not wrong


def of_ea7(effect: str) -> str:
    return journaling(f"meta/retire-cluster/ea7/{effect}", "meta/retire-cluster")


CHAIN = [
    Point(of_ea7("drain"), "before"),
    Point(of_ea7("deregister"), "after"),
]


def test_two_kills_change_nothing(tmp_path: Path) -> None:
    tools = real_tools_folder()
    calm, killed = of_one(tmp_path / "calm", tools, BARE), of_one(tmp_path / "killed", tools, BARE)
    try:
        for world in (calm, killed):
            retirable(world)
        ended = calm.retire()
        assert ended.code == 0, ended.text
        undisturbed = final(calm)
        assert [name for name in undisturbed.state if name.startswith(("cluster", "terraform"))] == []
        assert [each["name"] for each in undisturbed.state["registrations"]] == ["ea1", "eb1"]
        results = killed_at(killed, Retire(), CHAIN, undisturbed)
        assert results[-1].differences == []
        assert results[-1].notes == []
        assert [each.point for each in results if not each.reached] == []
        assert len(results) == len(CHAIN) + 1
        assert killed.programs() == []
    finally:
        calm.end()
        killed.end()


def retirable(world: World) -> None:
    ended = world.run()
    assert ended.code == 0, ended.text
    world.make_old()
