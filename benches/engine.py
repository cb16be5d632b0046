"""What the engine costs a task that does nothing, beside a bare step of the durable library, pyinfra and dagster."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from rows import Row

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-bench"
TIMES = 9


def rows() -> list[Row]:
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(TIMES):
        bare.append(_milliseconds(sys.executable, "bare_step.py"))
        ours.append(_milliseconds(sys.executable, "noop_run.py"))
    task = statistics.median(ours)
    made = [Row("no-op task, all phases, journaled", task, "bare DBOS step", statistics.median(bare), "ms", limit=2.5)]
    peers = PEERS / "bin" / "python"
    if not peers.exists():
        print("the peers are not installed: make bench-peers", file=sys.stderr)
        return made
    for name, script in (("pyinfra operation", "pyinfra_noop.py"), ("dagster op, in process", "dagster_noop.py")):
        made.append(Row("no-op task, all phases, journaled", task, name, _milliseconds(str(peers), script), "ms"))
    return made


def _milliseconds(python: str, script: str) -> float:
    done = subprocess.run(
        [python, str(HERE / "engine_peers" / script)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"DAGSTER_DISABLE_TELEMETRY": "1"},
    )
    return float(json.loads(done.stdout.splitlines()[-1])["milliseconds"])
