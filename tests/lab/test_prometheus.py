"""The Prometheus of a meta cluster: what it is told to scrape, and that it is there and scrapes."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.error
import urllib.request

import pytest
from harness.lab_traffic import ask, register, until

from ws_deployment.errors import TransientError
from ws_deployment.interfaces import MetaCluster, NotYetError
from ws_deployment.lab import daemon, prometheus
from ws_deployment.lab.cluster import create_cluster
from ws_deployment.lab.cluster_type import LocalCluster
from ws_deployment.lab.load import Load
from ws_deployment.lab.meta import ensure_meta, stop_meta
from ws_deployment.lab.ports import free_ports

real = pytest.mark.real


def test_scrapes_the_bridge_and_what_the_bridge_tells_every_second() -> None:
    told = json.loads(prometheus.configuration(7003, "local-meta"))
    assert told["global"]["scrape_interval"] == "1s"
    bridge, managers = told["scrape_configs"]
    assert bridge["static_configs"] == [{"targets": ["127.0.0.1:7003"], "labels": {"cluster": "local-meta"}}]
    assert managers["file_sd_configs"][0]["files"] == [prometheus.TARGETS_FILE]


def test_where_it_is_is_known_when_the_lab_has_it() -> None:
    meta = MetaCluster("m1", "europe-west1", "local", None)
    with pytest.raises(NotYetError, match="finding the Prometheus of m1"):
        LocalCluster().prometheus(meta)


def scraped(port: int, generation: str) -> dict[str, float]:
    """What a ws-manager tells, by series."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics?generation={generation}", timeout=90) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


@real
def test_tells_within_seconds_what_was_started_by_the_names_of_the_generation() -> None:
    cluster = create_cluster("gp-stag-ws-eu17-eu-west1", run_id="test", fleet="test", nodes=1)
    meta = ensure_meta("m1", "2021")
    told = LocalCluster().prometheus(MetaCluster("m1", "europe-west1", "local", None))
    assert told is not None
    register(meta, "eu17", cluster)
    until(told.url, 'up{job="ws-manager", cluster="eu17"}', lambda value: value == 1, patience=20)
    with Load(meta.folder, rate=30, lifetime=60) as load:
        *_, last = load.run(duration=2)
        assert last.started == {"eu17": 60}
        until(told.url, 'gitpod_ws_manager_workspace_starts_total{cluster="eu17"}', lambda value: value == 60)
        bridge = 'ws_deployment_lab_bridge_starts_total{cluster="m1", workspace_cluster="eu17"}'
        until(told.url, bridge, lambda value: value == 60)
        assert ask(told.url, 'gitpod_ws_manager_bridge_cluster_score{workspace_cluster="eu17"}') == 50
        assert ask(told.url, 'count({exported_cluster!=""})') is None
        assert ask(told.url, 'count({__name__=~"gitpod_ws_manager_mk2.*|.*starts_failure.*"})') is None
    newer = scraped(cluster.ws_manager_metrics_port, "2026")
    older = scraped(cluster.ws_manager_metrics_port, "2021")
    assert newer['gitpod_ws_manager_mk2_workspace_starts_total{class="default",type="Regular"}'] == 60
    assert older['gitpod_ws_manager_workspace_starts_total{type="REGULAR"}'] == 60
    with pytest.raises(urllib.error.HTTPError, match="404"):
        scraped(cluster.ws_manager_metrics_port, "1999")


@real
def test_is_found_again_after_a_kill_and_ends_with_its_meta_cluster() -> None:
    meta = ensure_meta("m1")
    first = prometheus.find(meta.folder)
    assert first is not None
    until(first.url, 'up{cluster="m1"}', lambda value: value == 1)
    mode = {path.name: path.stat().st_mode & 0o077 for path in (meta.folder / prometheus.NAME).iterdir()}
    assert mode.pop("data") & 0o022 == 0
    assert set(mode.values()) == {0}
    process = daemon.find(meta.folder, prometheus.NAME)
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    assert daemon.wait_until(lambda: not first.running(), timeout=90)
    before = daemon.find(meta.folder, "bridge")
    assert ensure_meta("m1") == meta
    assert daemon.find(meta.folder, "bridge") == before
    assert prometheus.find(meta.folder) == first
    # What it had seen is still known.
    assert (ask(first.url, 'count_over_time(up{cluster="m1"}[1h])') or 0) > 0
    # A bridge that starts anew leaves it alone.
    process = daemon.find(meta.folder, prometheus.NAME)
    ensure_meta("m1", "2021")
    assert daemon.find(meta.folder, prometheus.NAME) == process
    stop_meta("m1")
    assert not first.running()
    assert ask(first.url, "up") is None


@real
def test_another_takes_the_port_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        draws = iter([[other.getsockname()[1]], free_ports(1)])
        monkeypatch.setattr(prometheus, "free_ports", lambda _count: next(draws))
        made = prometheus.find(ensure_meta("m1").folder)
        assert made is not None
        assert made.port != other.getsockname()[1]
        assert made.running()
    assert next(draws, None) is None


@real
def test_says_why_it_does_not_come_up() -> None:
    meta = ensure_meta("m1")
    stop_meta("m1")
    (meta.folder / prometheus.NAME / "data" / "wal").rename(meta.folder / prometheus.NAME / "data" / "old")
    (meta.folder / prometheus.NAME / "data" / "wal").write_text("no folder")
    with pytest.raises(TransientError, match="starting the Prometheus of the lab's meta cluster m1") as caught:
        ensure_meta("m1")
    assert "prometheus.log" in caught.value.remedy
    assert "wal" in caught.value.why
