"""Which old clusters may go: decided from the lab's records and its meta clusters' registrations alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness.certificates import Authority
from harness.stand_ins import ws_manager
from hypothesis import given
from hypothesis import strategies as st

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.clients.bridge.model import Registration
from ws_deployment.lab.layout import cluster_folder, meta_folder
from ws_deployment.lab.meta import ensure_meta, stop_meta
from ws_deployment.lab.record import LabCluster
from ws_deployment.lab.retention import remove_surplus, surplus_clusters
from ws_deployment.tools.files import write_json
from ws_deployment.tools.folders import private_folder

pytestmark = pytest.mark.real


def cluster(name: str, age: int, port: int) -> LabCluster:
    folder = private_folder(cluster_folder(name))
    made = LabCluster(
        name, folder, "r", "f", "", {}, 1, 1, port, 2, complete=True, created=f"2026-01-{28 - age:02}T00:00:00+00:00"
    )
    made.write()
    return made


def register(meta: str, **clusters: tuple[LabCluster, int, bool]) -> None:
    folder = private_folder(meta_folder(meta))
    write_json(folder / "config.json", {"api": "2026", "port": 1, "metrics_port": 2})
    known = [
        {"name": name, "url": each.url, "score": score, "cordoned": cordoned}
        for name, (each, score, cordoned) in clusters.items()
    ]
    write_json(folder / "state.json", {"clusters": known})


def names(prefix: str, keep: int = 2) -> list[str]:
    return [each.name for each in surplus_clusters(prefix, keep=keep)]


def test_keeps_the_newest_two_and_what_takes_traffic() -> None:
    eu = {
        number: cluster(f"gp-stag-ws-eu{number}-eu-west1", age, 9000 + number)
        for age, number in enumerate((7, 3, 9, 5, 4, 8))
    }
    cluster("gp-stag-ws-eus1-eu-west1", 20, 8001)
    cluster("gp-stag-ws-us1-us-west1", 20, 8002)
    assert names("eu") == [eu[n].name for n in (8, 4, 5, 9)]
    register("one", eu8=(eu[8], 100, False), eu4=(eu[4], 100, True), eu5=(eu[5], 0, False))
    register("two", eu8=(eu[8], 0, True), eu9=(eu[9], 1, False))
    assert names("eu") == [eu[4].name, eu[5].name]
    assert names("eu", keep=5) == []
    assert names("us") == []


def test_a_name_of_ones_own_is_known_by_its_registration() -> None:
    old, new, newest = (
        cluster("mine", 5, 9001),
        cluster("mine-too", 4, 9002),
        cluster("gp-stag-ws-eu3-eu-west1", 3, 9003),
    )
    assert names("eu", keep=1) == []
    register("one", eu1=(old, 0, True), eu2=(new, 0, True), eu3=(newest, 100, False))
    assert names("eu", keep=1) == [old.name, new.name]


def test_what_a_meta_cluster_holds_on_to_stays(tmp_path: Path) -> None:
    meta = ensure_meta("one")
    with ws_manager(tmp_path, Authority()) as running, BridgeClient(meta.endpoint) as bridge:
        port = int(running.url.rpartition(":")[2])
        old = cluster("gp-stag-ws-eu1-eu-west1", 5, port)
        free = cluster("gp-stag-ws-eu2-eu-west1", 4, 9002)
        cluster("gp-stag-ws-eu3-eu-west1", 3, 9003)
        bridge.register(Registration("eu1", running.url, running.client, cordoned=True))
        stop_meta("one")
        lines: list[str] = []
        assert remove_surplus("eu", keep=1, on_progress=lines.append) == [free]
        assert lines[0].startswith(f"{old.name}: stays (")
        assert old.folder.exists()
        assert not free.folder.exists()
        assert ensure_meta("one") == meta
        gone: list[LabCluster] = []
        assert remove_surplus("eu", keep=1, destroy=gone.append) == gone == [old]
        assert bridge.list() == []


@given(
    ages=st.lists(st.integers(0, 27), min_size=1, max_size=8, unique=True),
    busy=st.sets(st.integers(0, 7)),
    keep=st.integers(0, 4),
)
def test_never_more_than_needed_and_never_the_busy(ages: list[int], busy: set[int], keep: int) -> None:
    import shutil  # noqa: PLC0415  each example begins with an empty lab

    shutil.rmtree(cluster_folder("x").parent, ignore_errors=True)
    made = [cluster(f"gp-stag-ws-eu{n + 1}-eu-west1", age, 9000 + n) for n, age in enumerate(ages)]
    register("one", **{f"eu{n + 1}": (each, 1, n not in busy) for n, each in enumerate(made)})
    chosen = names("eu", keep)
    newest = {each.name for each in sorted(made, key=lambda each: each.created)[len(made) - min(keep, len(made)) :]}
    assert set(chosen) == {each.name for n, each in enumerate(made) if n not in busy and each.name not in newest}
