"""The whole proof, `make workers`: 60 clusters of no-op steps and 6 real ones, 4 workers, killed at random."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psycopg
import pytest
from workers.crew import LEASE, Crew, Effects, appending
from workers.killing import killing
from workers.test_real_clusters import real_clusters

from ws_deployment.clients.bridge.client import BridgeClient
from ws_deployment.lab.cluster import list_clusters
from ws_deployment.lab.meta import meta_endpoint

pytestmark = [pytest.mark.real, pytest.mark.timeout(1800)]
SEED = int(os.environ.get("SEED", "1"))


def test_sixty_clusters(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 60, 3, seconds=0.2, defaults={"parallelism": 16})
    died = killing(machines, config, file, workers=4, kills=12, seed=SEED)
    effects = Effects.of(file)
    begun = effects.begun()
    again = sum(begun.values()) - len(begun)
    print(f"\n{len(begun)} tasks, {len(died)} kills, {again} taken up again, lease {LEASE:g} s, seed {SEED}")  # noqa: T201  the figures


@pytest.mark.parametrize(("how", "bound"), [(signal.SIGKILL, 2.0), (signal.SIGSTOP, LEASE + 2.0)])
def test_takeover(tmp_path: Path, machines: Crew, how: signal.Signals, bound: float) -> None:
    """By another worker: at once where it can see that the process is gone, else when the lease has ended."""
    config, file = appending(tmp_path, 1, 1, gate=str(tmp_path / "gate"))
    first = machines.start()
    machines.detach(config)
    machines.until(lambda: Effects.of(file).begun(), "the first effect")
    machines.start()
    with psycopg.connect(machines.url, autocommit=True) as connection:
        working = "SELECT count(*) FROM wsd_leases WHERE name LIKE 'worker/%'"
        machines.until(lambda: connection.execute(working).fetchone() == (2,), "the other worker")
    os.kill(first.pid, how)
    began = time.monotonic()
    machines.until(lambda: len(Effects.of(file).workers()) == 2, "the takeover")
    seconds = time.monotonic() - began
    print(f"\n{how.name}: taken over after {seconds:.1f} s, lease {LEASE:g} s, bound {bound:g} s")  # noqa: T201  the figures
    assert seconds <= bound
    (tmp_path / "gate").touch()


def test_six_real_clusters(tmp_path: Path, machines: Crew) -> None:
    config, gate = real_clusters(tmp_path, machines, ("aa", "bb", "cc", "dd", "ee", "ff"))
    gate.touch()
    died = killing(machines, config, tmp_path / "effects", workers=4, kills=3, seed=SEED, tasks="append")
    names = [cluster.name for cluster in list_clusters()]
    assert len(names) == 6
    with BridgeClient(meta_endpoint("meta")) as bridge:
        there = [(status.name, status.state.name) for status in bridge.list()]
    assert len(there) == 6
    assert {state for _, state in there} == {"AVAILABLE"}
    print(f"\n6 real clusters, {len(died)} kills, registered once each: {sorted(there)}")  # noqa: T201  the figures
