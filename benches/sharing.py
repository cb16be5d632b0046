"""PostgreSQL as state: what a durable task and a queued one cost, and what more workers bring."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

from rows import Row

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from harness import postgres  # noqa: E402  it is the tests' own
from workers.crew import appending, crew  # noqa: E402  likewise

TIMES = 5
CLUSTERS = 60


def rows() -> list[Row]:
    with postgres.running() as server:
        steps = {"bare_step.py": [], "noop_run.py": []}
        for _ in range(TIMES):
            for script, taken in steps.items():
                taken.append(_milliseconds(script, server.database()))
        bare, ours = (statistics.median(each) for each in steps.values())
        queued = statistics.median(_milliseconds("bare_queue.py", server.database()) for _ in range(3))
        one = statistics.median(_seconds(server, 1) for _ in range(3))
        four = statistics.median(_seconds(server, 4) for _ in range(3))
        one_slow, four_slow = _seconds(server, 1, 0.5), _seconds(server, 4, 0.5)
    each = 1000 * one / CLUSTERS
    return [
        Row("no-op task on PostgreSQL, journaled", ours, "bare DBOS step", bare, "ms", limit=2.5),
        Row("no-op task through the queue, one worker", each, "bare DBOS queue", queued, "ms"),
        Row(f"{CLUSTERS} no-op clusters, 4 workers", four, "one worker", one, "s"),
        Row(f"{CLUSTERS} clusters of 0.5 s, 4 workers", four_slow, "one worker", one_slow, "s"),
    ]


def _milliseconds(script: str, database: str) -> float:
    done = subprocess.run(
        [sys.executable, str(HERE / "engine_peers" / script)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"BENCH_DATABASE": database, "BENCH_TASKS": str(CLUSTERS)},
    )
    return float(json.loads(done.stdout.splitlines()[-1])["milliseconds"])


def _seconds(server: postgres.Postgres, workers: int, seconds: float = 0.0) -> float:
    """From the beginning of a detached run to its end, by its events; the workers stand ready."""
    with tempfile.TemporaryDirectory() as name, crew(folder := Path(name), server.database()) as machines:
        (folder / "warm").mkdir()
        for _ in range(workers):
            machines.start()
        warm, _ = appending(folder / "warm", 1)
        machines.done(machines.detach(warm))
        config, _ = appending(folder, CLUSTERS, seconds=seconds, defaults={"parallelism": CLUSTERS})
        run = machines.detach(config, "--new")
        machines.done(run)
        (begun,), (ended,) = machines.events(run, "run.started"), machines.events(run, "run.finished")
        return (_at(ended) - _at(begun)).total_seconds()


def _at(event: dict[str, str]) -> datetime:
    return datetime.fromisoformat(event["time"])
