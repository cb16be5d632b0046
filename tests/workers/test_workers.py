"""Detached runs, carried out by workers that share a database alone: each task once, whoever dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from workers.crew import Crew, Effects, appending
from workers.killing import killing

pytestmark = pytest.mark.real


def test_workers_share_a_run(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 20, 2, seconds=0.1)
    for _ in range(2):
        machines.start()
    run = machines.detach(config)
    machines.done(run)
    effects = Effects.of(file)
    assert set(effects.begun().values()) == {1}
    assert len(effects.begun()) == 40
    assert effects.workers() == {worker.pid for worker in machines.workers}
    assert len(machines.events(run, "task.finished")) == 40
    assert len(machines.events(run, "run.started")) == len(machines.events(run, "run.finished")) == 1


def test_killed_workers_lose_nothing(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 20, 3, seconds=0.1)
    killing(machines, config, file, workers=2, kills=3, seed=4)


def test_a_stopped_worker_that_wakes_begins_nothing_more(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 2, 4, seconds=0.5)
    first = machines.start()
    run = machines.detach(config)
    machines.until(lambda: Effects.of(file).begun(), "the first effect")
    os.kill(first.pid, signal.SIGSTOP)
    machines.start()
    machines.done(run)
    before = Effects.of(file)
    os.kill(first.pid, signal.SIGCONT)
    machines.until(lambda: "lease of this worker has ended" in machines.log(first), "the worker's word")
    under_way = [task for task, count in before.begun().items() if count > 1]
    assert len(under_way) <= 2
    after = Effects.of(file)
    assert after.begun() == before.begun()
    assert len(machines.events(run, "run.finished")) == 1
    # It works again, under another name.
    machines.workers[1].terminate()
    machines.workers[1].wait(timeout=60)
    (tmp_path / "second").mkdir()
    config, file = appending(tmp_path / "second", 1)
    machines.done(machines.detach(config, "--new", "--cluster-id", "7"))
    assert Effects.of(file).workers() == {first.pid}
