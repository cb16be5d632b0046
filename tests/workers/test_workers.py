"""Detached runs, carried out by workers that share a database alone: each task once, whoever dies."""

from __future__ import annotations

from pathlib import Path

import pytest
from workers.crew import Crew, Effects, appending

pytestmark = pytest.mark.real


def test_workers_share_a_run(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 20, 2, seconds=0.1)
    for _ in range(2):
        machines.start()
    run = machines.detach(config)
    assert machines.ended(run) == "done"
    effects = Effects.of(file)
    assert set(effects.begun().values()) == {1}
    assert len(effects.begun()) == 40
    assert effects.workers() == {worker.pid for worker in machines.workers}
    assert len(machines.events(run, "task.finished")) == 40
    assert len(machines.events(run, "run.started")) == len(machines.events(run, "run.finished")) == 1
