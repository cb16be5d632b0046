"""Faults that are ordered from the lab, seen by what they do."""

from __future__ import annotations

import pytest
from harness.lab_traffic import ask, register, until, until_gone

from ws_deployment.errors import RefusedError, UsageError
from ws_deployment.lab import prometheus
from ws_deployment.lab.cluster import create_cluster, get_cluster, is_running
from ws_deployment.lab.everything import lab_status
from ws_deployment.lab.faults import ClusterFault, cluster_fault, keep
from ws_deployment.lab.layout import cluster_folder, meta_folder
from ws_deployment.lab.load import Load
from ws_deployment.lab.meta import LabMeta, ensure_meta
from ws_deployment.lab.record import LabCluster
from ws_deployment.lab.sickness import find_patient, heal, make_sick
from ws_deployment.tools.files import write_json
from ws_deployment.tools.folders import private_folder

real = pytest.mark.real
MK2 = "gitpod_ws_manager_mk2_workspace"


def known(name: str, port: int) -> LabCluster:
    """A cluster as the lab knows it that nobody has started."""
    made = LabCluster(name, private_folder(cluster_folder(name)), "r1", "demo", "", {}, 1, 1, port, 2, complete=True)
    made.write()
    return made


def known_meta(name: str, **registered: int) -> LabMeta:
    """A meta cluster that nobody has started; `registered` are names and ports."""
    folder = private_folder(meta_folder(name))
    write_json(folder / "config.json", {"api": "2026", "port": 1, "metrics_port": 2})
    clusters = [
        {"name": short, "url": f"https://127.0.0.1:{port}", "score": 50, "cordoned": False}
        for short, port in registered.items()
    ]
    write_json(folder / "state.json", {"clusters": clusters})
    return LabMeta(name, folder, "2026", 1, 2)


def test_a_patient_is_known_by_each_of_its_names() -> None:
    seventeen, eighteen = known("gp-stag-ws-eu17-eu-west1", 7017), known("gp-stag-ws-eu18-eu-west1", 7018)
    meta = known_meta("local-meta", eu17=7017, twice=7017)
    known_meta("other", eu17=7017, twice=7018)
    for name in (seventeen.name, "eu17"):
        assert find_patient(name) == seventeen
    for name in (eighteen.name, "eu18"):
        assert find_patient(name) == eighteen
    assert find_patient("local-meta") == meta
    with pytest.raises(UsageError, match=r"several fit: .*eu17.*eu18"):
        find_patient("twice")
    with pytest.raises(UsageError, match="several fit"):
        find_patient("west1")
    with pytest.raises(UsageError, match="Did you mean `eu17`"):
        find_patient("eu71")
    with pytest.raises(UsageError, match="there is none"):
        find_patient("")


def test_an_empty_lab_has_no_patients() -> None:
    with pytest.raises(UsageError, match="ws-deployment lab up"):
        find_patient("eu17")


def test_faults_add_up_and_are_told() -> None:
    cluster, meta = known("eu17", 7017), known_meta("meta")
    assert cluster_fault(cluster.folder).words() == []
    make_sick(cluster, {"start_failures": 0.4})
    assert make_sick(cluster, {"latency": 3.0}) == ClusterFault(start_failures=0.4, latency=3.0)
    make_sick(meta, {"ignore_scores": True})
    told = lab_status()
    assert told["clusters"][0]["ails"] == ["40 % of starts fail", "starts take 3 s longer"]
    assert told["metaClusters"][0]["faults"] == {
        "ignore_scores": True,
        "unavailable": False,
        "prometheus_down": False,
    }
    for patient, wrong in ((cluster, "ignore_scores"), (meta, "latency")):
        with pytest.raises(UsageError, match=f"has no --{wrong.replace('_', '-')}"):
            make_sick(patient, {wrong: 1})
    assert make_sick(cluster, {"start_failures": 0.0}).words() == ["starts take 3 s longer"]


def test_one_that_was_ordered_to_be_unreachable_is_not_started_by_the_way() -> None:
    cluster = known("eu17", 7017)
    keep(cluster.folder, ClusterFault(unreachable=True))
    assert lab_status()["clusters"][0]["state"] == "unreachable"
    with pytest.raises(RefusedError, match="ws-deployment lab fault eu17 --clear"):
        create_cluster("eu17", run_id="r1", fleet="demo")


@real
def test_starts_fail_and_are_slow_as_often_and_as_much_as_ordered() -> None:
    cluster = create_cluster("gp-stag-ws-eu17-eu-west1", run_id="test", fleet="test", nodes=1)
    meta = ensure_meta("m1")
    told = prometheus.find(meta.folder)
    assert told is not None
    register(meta, "eu17", cluster)
    make_sick(find_patient("eu17"), {"start_failures": 0.4, "latency": 3.0})
    with Load(meta.folder, rate=100, lifetime=60) as load:
        *_, last = load.run(duration=1)
        assert last.failed == {}  # the bridge has made the Pods; what becomes of them is the cluster's matter
        failures = f'{MK2}_starts_failure_total{{cluster="eu17"}}'
        stops = f'{MK2}_stops_total{{cluster="eu17", reason="start-failure"}}'
        startups = f'{MK2}_startup_seconds_count{{cluster="eu17"}}'
        until(told.url, f"{failures} + ignoring(reason) {startups}", lambda value: value == 100)
        failed = ask(told.url, failures)
        assert failed is not None
        # 40 expected of 100; 3.29 standard deviations are alpha 0.001.
        assert abs(failed - 40) < 3.29 * (100 * 0.4 * 0.6) ** 0.5
        until(told.url, stops, lambda value: value == failed)
        # Nothing came up within 2 s; most have by 4, but on a machine that is busy.
        assert ask(told.url, f'{MK2}_startup_seconds_bucket{{cluster="eu17", le="2.0"}}') == 0
        assert (ask(told.url, f'{MK2}_startup_seconds_sum{{cluster="eu17"}}') or 0) >= 3 * (100 - failed)
    heal(find_patient("eu17"))
    assert cluster_fault(cluster.folder) == ClusterFault()


@real
def test_an_unreachable_cluster_is_gone_until_it_is_healed() -> None:
    cluster = create_cluster("gp-stag-ws-eu17-eu-west1", run_id="test", fleet="test", nodes=1)
    meta = ensure_meta("m1")
    told = prometheus.find(meta.folder)
    assert told is not None
    register(meta, "eu17", cluster)
    with Load(meta.folder, rate=20, lifetime=1) as load:
        *_, last = load.run(duration=0.5)
        assert last.failed == {}
        make_sick(cluster, {"unreachable": True})
        assert not is_running(cluster)
        *_, last = load.run(duration=2)
        assert last.failed == {"eu17": 40}
        assert last.started == {"eu17": 50}
        until(told.url, 'up{cluster="eu17"}', lambda value: value == 0)
        heal(cluster)
        until(told.url, 'up{cluster="eu17"}', lambda value: value == 1)
        assert get_cluster(cluster.name) == cluster
        # Those whose time was over meanwhile are stopped now.
        until_gone(cluster)


@real
def test_a_prometheus_that_was_ordered_down_stays_down() -> None:
    meta = ensure_meta("m1")
    told = prometheus.find(meta.folder)
    assert told is not None
    make_sick(meta, {"prometheus_down": True})
    assert not told.running()
    assert ensure_meta("m1") == meta
    assert not told.running()
    heal(meta)
    assert told.running()
    until(told.url, "up", lambda value: value == 1)
