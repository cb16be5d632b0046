"""Detached runs, carried out by workers that share a database alone: each task once, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
from workers.crew import Crew, Effects, appending
from workers.killing import killing

pytestmark = pytest.mark.real

#: Locks what every run needs, and stops itself.
STOPPING = """
import os, signal, sys
from pathlib import Path
from ws_deployment.engine import database
from ws_deployment.engine.state import State
database.IDLE = 5
with database.connect(State.at(Path("."), sys.argv[1])).begin() as connection:
    database.serialise(connection)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


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


def test_a_stopped_run_that_wakes_after_another_took_it_begins_nothing_more(tmp_path: Path, machines: Crew) -> None:
    config, file = appending(tmp_path, 1, 3, seconds=0.5, gate=str(tmp_path / "gate"))
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "run", "-c", str(config), "--cluster-id", "7", "--json"]
    environment = os.environ | machines.machine()
    stopped = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        machines.until(lambda: Effects.of(file).begun(), "the first effect")
        os.kill(stopped.pid, signal.SIGSTOP)
        (tmp_path / "gate").touch()
        resumed = machines("runs", "resume", "latest", "--wait", "60", "--json")
        assert resumed.code == 0, resumed.err
        before = Effects.of(file)
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
        code = stopped.wait(timeout=60)
    assert code == 5
    assert Effects.of(file).begun() == before.begun() == {"aa7.append-1": 2, "aa7.append-2": 1, "aa7.append-3": 1}


def test_a_process_that_is_stopped_in_a_transaction_stands_in_nobodys_way(tmp_path: Path, machines: Crew) -> None:
    config, _ = appending(tmp_path, 1)
    ended = machines("run", "-c", config, "--output", "plain")
    assert ended.code == 0, ended.err
    stopped = subprocess.Popen([sys.executable, "-c", STOPPING, machines.url], env=os.environ | machines.machine())
    try:
        machines.until(lambda: psutil.Process(stopped.pid).status() == psutil.STATUS_STOPPED, "the stop")
        with psycopg.connect(machines.url) as connection:
            idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            assert connection.execute(idle).fetchone() == (1,)
        ended = machines("run", "-c", config, "--output", "plain")
        assert ended.code == 0, ended.err
    finally:
        os.kill(stopped.pid, signal.SIGKILL)
        stopped.wait()
