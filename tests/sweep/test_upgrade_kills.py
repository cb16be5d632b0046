"""An upgrade that is killed ends as if nobody had; and what is not so is told.

The full sweep kills at every write: `make sweep ONLY="apply schedule commit upgrade-run"`, docs/sweep.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.lab_tools import real_tools_folder
from harness.upgrade_run import KCP
from sweep.final import Final
from sweep.kills import Point, Result, killed_at
from sweep.management import ManagementCluster, management_cluster
from sweep.upgrade_world import UpgradeWorld
from sweep.upgrades import final_upgrade, prepared_upgrade
from sweep.world import Ended

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]  # a machine under load is slow, not wrong

CONTROL_PLANE = "applying KubeadmControlPlane alpha-control-plane #1"
TOLD_TWICE = "'patch kubeadmcontrolplanes alpha-control-plane' 1 times too often"


@pytest.fixture(scope="module")
def management() -> Iterator[ManagementCluster]:
    with management_cluster(real_tools_folder()) as running:
        yield running


@pytest.fixture
def make(tmp_path: Path, management: ManagementCluster) -> Iterator[Callable[[str], UpgradeWorld]]:
    made: list[UpgradeWorld] = []

    def one(name: str) -> UpgradeWorld:
        made.append(UpgradeWorld(tmp_path / name, real_tools_folder(), management))
        return made[-1]

    yield one
    for world in made:
        world.end()


def undisturbed(world: UpgradeWorld, kind: str) -> Final:
    operation = prepared_upgrade(world, kind)
    ended = operation.begin(world)
    assert ended.code == operation.code, ended.text
    return final_upgrade(world)


def killed(world: UpgradeWorld, kind: str, chain: list[Point], calm: Final) -> list[Result]:
    results = killed_at(world, prepared_upgrade(world, kind), chain, calm, look=final_upgrade, repeats=False)
    assert [each.point for each in results if not each.reached] == []
    return results


@pytest.mark.parametrize(
    ("kind", "chain"),
    [
        ("apply", [Point(CONTROL_PLANE, "before"), Point("applying MachineDeployment alpha-workers #1", "after")]),
        ("due", [Point(CONTROL_PLANE, "after")]),
        ("commit", [Point("hook post-receive", "in")]),
    ],
)
def test_kills_change_nothing(make: Callable[[str], UpgradeWorld], kind: str, chain: list[Point]) -> None:
    results = killed(make("killed"), kind, chain, undisturbed(make("calm"), kind))
    assert results[-1].differences == []
    assert results[-1].notes == []


def test_what_is_written_twice_or_otherwise_is_told(
    make: Callable[[str], UpgradeWorld], management: ManagementCluster
) -> None:
    calm, other = undisturbed(make("calm"), "apply"), make("killed")
    command = other.command

    def meddling(*arguments: str, **plan: object) -> Ended:
        """Write again what is there, and after the kill something else."""
        if "stop" not in plan:
            live = management.kube.get(*KCP, "alpha-control-plane", other.space)
            assert live
            metadata = {"name": "alpha-control-plane", "namespace": other.space}
            document = {"apiVersion": KCP[0], "kind": KCP[1], "metadata": metadata}
            management.kube.apply_fields({**document, "spec": {"version": live["spec"]["version"]}}, "somebody")
        return command(*arguments, **plan)

    other.command = meddling  # type: ignore[method-assign]  # for this world alone
    results = killed(other, "apply", [Point(CONTROL_PLANE, "after")], calm)
    assert TOLD_TWICE in results[-1].differences
    assert any("/objects/KubeadmControlPlane alpha-control-plane/held" in told for told in results[-1].differences)
